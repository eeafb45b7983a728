"""LaTeX of a tree."""

import re

from activations.formula.language import POWER, PRODUCT, SIGN, STRENGTH, operand_strengths, write_number
from activations.formula.table import FUNCTIONS
from activations.formula.tree import COMPARISONS, Call, Name, Node, Number, fold

ATOM = POWER + 1
GREEK = frozenset(
    ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu")
) | {"xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"}


def write_latex(node: Node) -> str:
    return fold(node, latex_and_strength)[0]


def latex_and_strength(node: Node, parts: tuple[tuple[str, int], ...]) -> tuple[str, int]:
    if isinstance(node, Name):
        return latex_name(node.name), ATOM
    if isinstance(node, Number):
        return latex_number(node.value), SIGN if node.value < 0 else ATOM
    return FUNCTIONS[node.function].latex.format(*latex_arguments(node, parts)), latex_strength(node)


def latex_strength(node: Call) -> int:
    if node.function == "where":
        return 0
    if node.function == "exp":
        return POWER
    return STRENGTH.get(node.function, ATOM)


def latex_arguments(node: Call, parts: tuple[tuple[str, int], ...]) -> list[str]:
    if node.function == "neg":
        return [enclosed(*parts[0], PRODUCT)]
    if node.function == "/" or node.function in COMPARISONS or node.function not in STRENGTH:
        return [text for text, _ in parts]
    left, right = operand_strengths(node.function)
    if node.function == "^":
        return [enclosed(*parts[0], left), parts[1][0]]
    second = (
        f"\\left({parts[1][0]}\\right)" if parts[1][0].startswith("-") else enclosed(*parts[1], min(right, PRODUCT))
    )
    if node.function == "*" and second.lstrip("{")[0].isdigit():
        second = rf"\cdot {second}"
    return [enclosed(*parts[0], left), second]


def enclosed(text: str, strength: int, needed: int) -> str:
    return text if strength >= needed else rf"\left({text}\right)"


def latex_name(name: str) -> str:
    """A Greek letter by its name, and a number at the end as an index."""
    match = re.fullmatch(r"([a-z]+)_?([0-9]+)", name)
    if match is not None:
        return f"{latex_name(match[1])}_{{{match[2]}}}"
    if name in GREEK or name == "pi":
        return f"\\{name}"
    return name if len(name) == 1 else rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"


def latex_number(value: float) -> str:
    mantissa, _, exponent = write_number(value).partition("e")
    if not exponent:
        return mantissa
    return rf"10^{{{exponent}}}" if mantissa == "1" else rf"{mantissa} \cdot 10^{{{exponent}}}"
