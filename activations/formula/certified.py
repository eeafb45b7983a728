"""Certified values, apart from ``balls``, which makes them: importing this does not import flint."""

from dataclasses import dataclass

from activations.functions import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """Values and derivatives, float64 of the shape of ``x``: true to a relative 1e-12 where above 1e-300.

    What is beyond float64 is infinite. A point without a number is nan, and has its reason under its flat position:
    ``pole``, ``undefined`` (an argument outside of a function's domain), ``jump`` (of the value; the derivative's
    alone), or ``undecided``.
    """

    value: Array
    derivative: Array
    reasons_value: dict[int, str]
    reasons_derivative: dict[int, str]
