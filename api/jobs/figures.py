"""The figures of epochs, layers and learnt parameters in answers, in files and on the page, from jobs.metrics."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from pydantic.fields import FieldInfo

from api.http import csv_writer
from api.http.tables import ColumnType
from api.http.times import to_rfc3339
from jobs.metrics import EPOCH_FIGURES, LAYER_FIGURES, PARAMETER_FIGURES, Figure

COLUMN_TYPES: Mapping[type, ColumnType] = {int: "int64", float: "float64", str: "string", datetime: "timestamp"}

if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(name for name, figure in EPOCH_FIGURES.items() if figure.plotted)]
"""Values of `?metric=`."""


def type_columns(figures: Mapping[str, Figure]) -> dict[str, ColumnType]:
    return {name: COLUMN_TYPES[figure.value_type] for name, figure in figures.items()}


def document_fields(figures: Mapping[str, Figure]) -> dict[str, FieldInfo]:
    """By name, what OpenAPI says of a field."""
    return {
        name: Field(description=figure.description, examples=[value])
        for (name, figure), value in zip(figures.items(), show_row(figures).values(), strict=True)
    }


def show_row(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """A row, as JSON has it."""
    examples = {name: figure.example for name, figure in figures.items()}
    return {name: to_rfc3339(value) if isinstance(value, datetime) else value for name, value in examples.items()}


def show_csv(figures: Mapping[str, Figure], **before: str | float) -> str:
    """A file of one row, with these cells before the figures."""
    types = {name: COLUMN_TYPES[type(value)] for name, value in before.items()} | type_columns(figures)
    row = [*before.values(), *(figure.example for figure in figures.values())]
    return b"".join(csv_writer.write(types, [[row]])).decode()


def describe_for_page() -> str:
    """Describe as JSON the figures that the page draws: an epoch's, validation first, and a layer's."""
    plotted = [figure for figure in EPOCH_FIGURES.values() if figure.plotted]
    validation_first = sorted(plotted, key=lambda figure: figure.stage != "validation")
    mapped = [figure for figure in LAYER_FIGURES.values() if figure.mapped]
    return json.dumps({"epoch": [*map(describe, validation_first)], "layer": [*map(describe, mapped)]})


def describe(figure: Figure) -> dict[str, Any]:
    names = ("name", "title", "unit", "percent", "log", "lower_is_better")
    return {name: getattr(figure, name) for name in names}


EPOCH_COLUMNS, LAYER_COLUMNS = type_columns(EPOCH_FIGURES), type_columns(LAYER_FIGURES)
PARAMETER_COLUMNS = type_columns(PARAMETER_FIGURES)
EPOCH_FIELDS, LAYER_FIELDS = document_fields(EPOCH_FIGURES), document_fields(LAYER_FIGURES)
PARAMETER_FIELDS = document_fields(PARAMETER_FIGURES)
EPOCH_ROW = show_row(EPOCH_FIGURES)
