import pytest

from jobs.text import escape_controls, measure_width, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ~ text", "plain ~ text"),
        ("Größe 漢字 😀 שלום e\u0301", "Größe 漢字 😀 שלום e\u0301"),
        ("\x1b[31mred\a", r"\x1b[31mred\x07"),
        ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
        ("\x7f\x9b31m", r"\x7f\x9b31m"),
        ("a\u202eb\u2066c\u2028d", r"a\u202eb\u2066c\u2028d"),
        ("\ud83d", r"\ud83d"),
        ("\ufffe\ufeff", r"\ufffe\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("👩\u200d🚀 नहीं\u200c", "👩\u200d🚀 नहीं\u200c"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


def test_what_the_caller_keeps_stays() -> None:
    assert escape_controls("a\n\x1bb\n", keep="\n") == "a\n\\x1bb\n"


def test_a_short_text_stays_as_it_is() -> None:
    assert shorten("relu, batch_size 64", 19) == "relu, batch_size 64"


@pytest.mark.parametrize("text", ["x" * 5000, "漢" * 5000, "a\u0301" * 5000, "\u202e" * 5000])
def test_a_long_text_is_cut_in_the_middle_to_what_fits(text: str) -> None:
    found = shorten(f"first {text} last", 60)
    assert measure_width(found) <= 60
    assert found.startswith("first ")
    assert found.endswith(" last")
    assert "…" in found


def test_a_tower_of_accents_is_cut() -> None:
    assert len(shorten("a" + "\u0301" * 500, 60)) < 10
