"""Activations as clients see them: formulas, parameters and properties."""

import functools
import math
from typing import Any

from latex2mathml.converter import convert

from activations.activation import Activation
from activations.formula.catalog import find_formula
from api.activations.models import MAX_LATEX, ActivationOut, ParameterOut, PreviewOut, ReferenceOut
from jobs.access import NOBODY


@functools.lru_cache(maxsize=512)  # the MathML
def describe(activation: Activation, owner: str = NOBODY) -> ActivationOut:
    return ActivationOut(name=activation.name, owner=owner or None, **list_fields(activation))


def preview(activation: Activation) -> PreviewOut:
    return PreviewOut(**list_fields(activation))


def list_fields(activation: Activation) -> dict[str, Any]:
    """List the fields of a FormulaOut."""
    defaults = activation.complete({})
    formula = activation.formula or find_formula(activation.name, defaults)
    slope = activation.derivative_at_zero(defaults)
    derivative = activation.derivative_latex if len(activation.derivative_latex) <= MAX_LATEX else None
    return {
        "title": activation.title,
        "custom": activation.custom,
        "formula": formula.text,
        "derivative": formula.derivative_text,
        "formula_latex": activation.formula_latex,
        "formula_mathml": convert(activation.formula_latex, display="block"),
        "derivative_latex": derivative,
        "derivative_mathml": derivative and convert(derivative, display="block"),
        "parameters": tuple(map(ParameterOut.model_validate, activation.parameters)),
        "range": activation.range(defaults),
        "monotonic": activation.monotonic,
        "derivative_at_zero": slope if math.isfinite(slope) else None,
        "self_normalizing": activation.self_normalizing,
        "warnings": activation.warnings,
        "advantages": activation.advantages,
        "drawbacks": activation.drawbacks,
        "reference": activation.reference and ReferenceOut.model_validate(activation.reference),
    }
