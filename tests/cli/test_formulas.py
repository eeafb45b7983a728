import pytest

from cli.formulas import point_at


@pytest.mark.parametrize(
    ("formula", "column", "lines"),
    [
        ("x*y", 3, ["  x*y", "    ^"]),
        ("y", 1, ["  y", "  ^"]),
        ("x*", 3, ["  x*", "    ^"]),
        ("x*", 40, ["  x*", "    ^"]),
        ("\u6f22*y", 3, ["  \u6f22*y", "     ^"]),
        ("x\n*y", 4, [r"  x\n*y", "      ^"]),
        ("\x1b[31mx", 6, [r"  \x1b[31mx", "          ^"]),
    ],
)
def test_the_caret_stands_under_the_column(formula: str, column: int, lines: list[str]):
    assert point_at(formula, column).split("\n") == lines


def test_of_a_long_formula_what_is_around_the_column_is_shown():
    shown, caret = point_at("x+" * 200 + "y" + "+x" * 200, 401).split("\n")
    assert shown[caret.index("^")] == "y"
    assert shown.startswith("  …")
    assert shown.endswith("…")
    assert len(shown) < 80
