"""The models of requests and answers about activations."""

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from activations import catalog
from activations.activation import Parameter
from activations.custom import Definition
from api.http.numbers import NotDecided
from api.http.out import Out
from api.http.paging import NextCursor
from jobs.spec import (
    CUSTOM_NAME,
    MAX_PARAMETERS,
    NO_NUL,
    FormulaText,
    SpecModel,
    make_field_error,
    read_formula,
)

MAX_LATEX = 4000
"""Of a derivative; as MathML it has nine times as many characters, and the list may have hundreds."""
MAX_POINTS = 100_000
MAX_PREVIEWED = 1000
MAX_ABSCISSA = 1e300  # leaves room to weight the ends of a curve by MAX_POINTS

Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
# Any: the catalog says which parameter is a number and which is a word, and names the wrong one.
ParameterValue = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]


PREVIEWED: dict[str, JsonValue] = {
    "formula": "x*sigmoid(b*x)",
    "parameters": {"b": {"default": 1.0, "minimum": 0.0, "maximum": 10.0}},
}
DEFINED: dict[str, JsonValue] = {"name": "swishy", **PREVIEWED}
RESERVED_NAMES = frozenset({"preview"})
"""Segments of a path that are no activation's."""
RESERVED_PARAMETERS = frozenset({"start", "stop", "points", "format"})
"""Query parameters of a curve, beside which an activation's own are given."""


class ParameterIn(SpecModel):
    """A parameter of a formula: a number."""

    default: float = Field(description="Used where none is given.", examples=[1.0])
    minimum: float | None = Field(None, description="The smallest allowed; null = any.", examples=[0.0])
    maximum: float | None = Field(None, description="The largest allowed; null = any.", examples=[10.0])
    description: Annotated[str, StringConstraints(max_length=300, pattern=NO_NUL)] = Field(
        "", description="Its effect.", examples=["How steep it is."]
    )

    @model_validator(mode="after")
    def the_default_is_allowed(self) -> Self:
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low > high:
            raise make_field_error("/minimum", "the minimum is greater than the maximum")
        if (low is not None and self.default < low) or (high is not None and self.default > high):
            raise make_field_error("/default", "the default is not from minimum to maximum")
        return self


class FormulaIn(SpecModel):
    """A formula of x and its parameters, which is differentiated by rules."""

    formula: FormulaText = Field(
        description="Of x, parameters, numbers, pi and e: + - * / ^, parentheses, where(a < b, u, v), and exp expm1 "
        "log log1p sqrt abs sin cos tanh sinh cosh asinh atan erf erfc sigmoid softplus relu min max clip Phi. At "
        "most 1,000 characters, 240 numbers, names and operations, and 48 levels.",
        examples=["x*sigmoid(b*x)"],
    )
    title: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)] | None = Field(
        None, description="Above its curve; null = its name.", examples=["Swish with a slope"]
    )
    parameters: dict[str, ParameterIn] = Field(
        {},
        max_length=MAX_PARAMETERS,
        description="The parameters of the formula, by name: all that it has, and no others.",
        examples=[{"b": {"default": 1.0}}],
    )

    @model_validator(mode="after")
    def the_formula_has_these_parameters(self) -> Self:
        for name in self.parameters:
            if name in RESERVED_PARAMETERS:
                raise make_field_error(
                    f"/parameters/{name}", f"{name} is a parameter of every curve; name it otherwise"
                )
        read_formula(self.formula, self.parameters)
        return self

    def make_definition(self, name: str) -> Definition:
        parameters = tuple(
            Parameter(each, given.default, given.description, given.minimum, given.maximum)
            for each, given in self.parameters.items()
        )
        return Definition(name, self.title or name, read_formula(self.formula, self.parameters), parameters)


class CurveIn(SpecModel):
    """An even grid of numbers, as of GET /v1/activations/{name}/curve."""

    start: float = Field(-5.0, ge=-MAX_ABSCISSA, le=MAX_ABSCISSA, description="The first x.")
    stop: float = Field(5.0, ge=-MAX_ABSCISSA, le=MAX_ABSCISSA, description="The last x.")
    points: int = Field(201, ge=2, le=MAX_PREVIEWED, description="How many, ends included.")

    @model_validator(mode="after")
    def it_ascends(self) -> Self:
        if not self.start < self.stop:
            raise make_field_error("/stop", "stop is greater than start")
        return self


class PreviewIn(FormulaIn):
    """A formula, and perhaps a grid on which to compute it."""

    model_config = ConfigDict(json_schema_extra={"examples": [PREVIEWED, {**PREVIEWED, "curve": {"points": 3}}]})

    curve: CurveIn | None = Field(
        None, description="Compute the curve too, with the default parameters; null = not.", examples=[{"points": 201}]
    )


class ActivationIn(FormulaIn):
    """An activation of your own; it is never changed, only deleted."""

    model_config = ConfigDict(json_schema_extra={"examples": [DEFINED]})

    name: Annotated[str, StringConstraints(pattern=f"^{CUSTOM_NAME.pattern}$")] = Field(
        description="The name by which every request knows it; not one of the catalog.", examples=["swishy"]
    )

    @model_validator(mode="after")
    def the_name_is_free(self) -> Self:
        if self.name in RESERVED_NAMES:
            raise make_field_error("/name", f"{self.name} is no name of an activation; choose another")
        return self


class ParameterOut(Out):
    name: str = Field(description="Its key in `parameters`.", examples=["alpha"])
    default: float | str = Field(description="Used where none is given.", examples=[1.0])
    minimum: float | None = Field(
        description="The smallest allowed; null for a choice, and = any for a number.", examples=[0.001]
    )
    maximum: float | None = Field(
        description="The largest allowed; null for a choice, and = any for a number.", examples=[100.0]
    )
    choices: tuple[str, ...] = Field(description="The allowed words; empty for a number.", examples=[[]])
    description: str = Field(description="Its effect.", examples=["The slope for negative input."])


class ReferenceOut(Out):
    title: str = Field(description="The title of the publication.", examples=["Gaussian Error Linear Units (GELUs)"])
    authors: str = Field(description="Separated by commas.", examples=["Dan Hendrycks, Kevin Gimpel"])
    year: int = Field(description="The year of the publication.", examples=[2016])
    url: str = Field(description="Where to read it.", examples=["https://arxiv.org/abs/1606.08415"])


class FormulaOut(Out):
    """An activation function and its properties. What depends on parameters is for the defaults."""

    title: str = Field(description="In full.", examples=["Gaussian Error Linear Unit"])
    custom: bool = Field(description="Whether a client defined it, by `formula`.", examples=[False])
    formula: str = Field(
        description="The value as text, in canonical form: your own as a job's `formula` has it, the catalog's as it "
        "may be previewed, for parameters beyond its bounds too.",
        examples=["x*Phi(x)"],
    )
    derivative: str = Field(description="The derivative in x, as text.", examples=["Phi(x) + x*exp(-x^2/2)/sqrt(2*pi)"])
    formula_latex: str = Field(description="The value.", examples=[r"f(x) = \max(0, x)"])
    formula_mathml: str = Field(description="The same for a web page.", examples=["<math>...</math>"])
    derivative_latex: str | None = Field(
        description=f"The derivative in x; null where it would have more than {MAX_LATEX:,} characters, which only "
        "`derivative` has then.",
        examples=[r"f'(x) = 1"],
    )
    derivative_mathml: str | None = Field(description="The same for a web page.", examples=["<math>...</math>"])
    parameters: tuple[ParameterOut, ...] = Field(description="The parameters it takes; often none.")
    range: catalog.Range | None = Field(
        description="Infimum and supremum of the value; null = unbounded. null in place of both: not decided.",
        examples=[[-0.17004075057125405, None]],
    )
    monotonic: bool | None = Field(
        description="Whether the value never falls as x grows; null: not decided.", examples=[False]
    )
    derivative_at_zero: float | None = Field(
        description="The derivative that a backward pass takes at x = 0: the negative branch's where there is a kink; "
        "null where there is none.",
        examples=[0.5],
    )
    self_normalizing: bool = Field(
        description="Whether it keeps mean 0 and variance 1 from layer to layer; false of a formula.", examples=[False]
    )
    warnings: tuple[str, ...] = Field(
        description="What training may meet: where it is not defined, jumps or has an unbounded slope.", examples=[[]]
    )
    advantages: tuple[str, ...] = Field(
        description="Why to use it; empty for your own.", examples=[["Smooth everywhere."]]
    )
    drawbacks: tuple[str, ...] = Field(description="Why not to; empty for your own.", examples=[["Not monotonic."]])
    reference: ReferenceOut | None = Field(description="Where it was published; null for your own.")


class ActivationOut(FormulaOut):
    """An activation function and its properties. What depends on parameters is for the defaults."""

    name: str = Field(description="The name by which every request knows it.", examples=["gelu"])
    owner: str | None = Field(
        description="The owner of the API key that it was defined with; null for the catalog, and where the service "
        "needed none.",
        examples=[None],
    )


class ActivationList(Out):
    data: tuple[ActivationOut, ...] = Field(
        description="The catalog, on the first page alone, and then your own, oldest first."
    )
    next_cursor: NextCursor


class Evaluate(BaseModel):
    """The numbers at which to evaluate an activation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: Annotated[list[Finite], FailFast()] = Field(
        description="Finite numbers.", min_length=1, max_length=MAX_POINTS, examples=[[-1.0, 0.0, 1.0]]
    )
    parameters: dict[str, ParameterValue] = Field(
        {}, description="As the activation allows; the catalog's defaults fill the rest.", examples=[{}]
    )


class Evaluation(Out):
    """Value and derivative at each x, in float64, to a relative 1e-12."""

    name: str = Field(description="The activation.", examples=["relu"])
    parameters: dict[str, float | str] = Field(description="With the defaults filled in.", examples=[{}])
    x: list[float] = Field(description="The numbers of the request.", examples=[[-1.0, 0.0, 1.0]])
    value: list[float | None] = Field(
        description="f(x); null beyond float64, or where there is none.", examples=[[0.0, 0.0, 1.0]]
    )
    derivative: list[float | None] = Field(
        description="f'(x); null beyond float64, or where there is none.", examples=[[0.0, 0.0, 1.0]]
    )
    non_finite: NotDecided = Field(None, examples=[{"/value/3": "inf"}])


class JumpOut(Out):
    """A number at which the derivative is not continuous."""

    x: float = Field(description="The number.", examples=[0.0])
    below: float = Field(description="The limit of f'(x) from smaller x.", examples=[0.0])
    at: float = Field(description="f'(x) there: the branch that torch takes.", examples=[0.0])
    above: float = Field(description="The limit of f'(x) from larger x.", examples=[1.0])


class Curve(Evaluation):
    """Value and derivative at each x, in float64, to a relative 1e-12, and where the derivative jumps."""

    jumps: list[JumpOut] | None = Field(
        None,
        description="Jumps from the first x to the last, where a drawing is interrupted; absent if there are none.",
        examples=[[{"x": 0.0, "below": 0.0, "at": 0.0, "above": 1.0}]],
    )


class PreviewOut(FormulaOut):
    """The activation that this formula would make, and its curve if one was asked for."""

    curve: Curve | None = Field(
        None, description="Value and derivative on the grid, under the name `preview`; null unless asked for."
    )
