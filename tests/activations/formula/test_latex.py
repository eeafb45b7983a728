"""LaTeX of formulas, and MathML of it."""

import pytest
from latex2mathml.converter import convert

from activations.formula.formula import Formula
from tests.activations.formula.naive import PLAIN, UNSTABLE

WRITTEN = {
    "x*sigmoid(beta*x)": r"x \sigma\left(\beta x\right)",
    "-x^2/(2*a)": r"-\frac{{x}^{2}}{2 a}",
    "(x - 1)*(-x)": r"\left(x - 1\right) \left(-x\right)",
    "x*10^3": r"x \cdot {10}^{3}",
    "2*3*x": r"2 \cdot 3 x",
    "1e-7*x + 2.5e20": r"10^{-7} x + 2.5 \cdot 10^{20}",
    "exp(-x)^2": r"{\left(e^{-x}\right)}^{2}",
    "expm1(x)^2": r"{\left(e^{x} - 1\right)}^{2}",
    "b2*beta_1*long_name*pi": r"b_{2} \beta_{1} \mathrm{long\_name} \pi",
    "where(x <= 0, x, 1)": r"\begin{cases} x & x \le 0 \\ 1 & \text{otherwise} \end{cases}",
    "x - (x - 1)": r"x - \left(x - 1\right)",
}


@pytest.mark.parametrize(("text", "latex"), WRITTEN.items())
def test_a_formula_is_written_in_latex(text: str, latex: str):
    assert Formula.read(text).latex == f"f(x) = {latex}"


@pytest.mark.parametrize("text", [*PLAIN, *UNSTABLE])
def test_the_latex_is_also_mathml(text: str):
    formula = Formula.read(text)
    for latex in (formula.latex, formula.derivative_latex):
        mathml = convert(latex)
        assert mathml.startswith("<math")
        assert "\\" not in mathml
