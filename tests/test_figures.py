"""Every place that has the figures of an epoch or of a layer agrees with the tables in jobs.metrics."""

import csv
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel
from sqlalchemy import inspect

from api.http.out import Out
from api.jobs import figures
from api.jobs.history import LayerOut, ParameterOut
from api.jobs.models import EpochOut
from api.main import create_app
from api.plots import axes
from api.sweeps.models import BestFigures, ValidationFigures
from cli.tables.epochs import tabulate_epochs, tabulate_layers, tabulate_parameters
from db import sweep_results
from db.models import Base, Epoch, Layer, LearntParameter
from jobs.metrics import (
    EPOCH_FIGURES,
    LAYER_FIGURES,
    PARAMETER_FIGURES,
    EpochMetrics,
    Figure,
    LayerMetrics,
    ParameterMetrics,
)
from runtime.settings import Settings
from tests.compose import composed
from tests.support.figures import NOT_REPEATABLE

TABLES = {"epoch": EPOCH_FIGURES, "layer": LAYER_FIGURES}
PAGE = Path(__file__).parents[1] / "page" / "static"
VALIDATION = [name for name, figure in EPOCH_FIGURES.items() if figure.stage == "validation"]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings(database_url="sqlite://", broker_url="redis://127.0.0.1:1/0")).openapi()


def split(hint: Any) -> tuple[type, bool]:
    """The type of a field, and whether it may be None."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] or [hint]
    return kinds[0], type(None) in get_args(hint)


@pytest.mark.parametrize(
    ("values", "table"),
    [(EpochMetrics, EPOCH_FIGURES), (LayerMetrics, LAYER_FIGURES), (ParameterMetrics, PARAMETER_FIGURES)],
)
def test_training_measures_every_figure_that_is_not_added_when_it_is_stored(
    values: type[Any], table: Mapping[str, Figure]
) -> None:
    hints = get_type_hints(values)
    measured = {field.name: split(hints[field.name]) for field in fields(values)}
    assert {name: kind for name, (kind, _) in measured.items()} == {
        name: figure.value_type for name, figure in table.items() if not figure.stored
    }
    assert all(table[name].optional for name, (_, nullable) in measured.items() if nullable)


@pytest.mark.parametrize(
    ("model", "keys", "table"),
    [
        (Epoch, {"job_id"}, EPOCH_FIGURES),
        (Layer, {"job_id", "position"}, LAYER_FIGURES),
        (LearntParameter, {"job_id", "position"}, PARAMETER_FIGURES),
    ],
)
def test_the_database_has_a_column_for_every_figure(
    model: type[Base], keys: set[str], table: Mapping[str, Figure]
) -> None:
    hints = {name: split(*get_args(get_type_hints(model)[name])) for name in {*inspect(model).columns.keys()} - keys}
    assert {name: kind for name, (kind, _) in hints.items()} == {
        name: figure.value_type for name, figure in table.items()
    }
    not_null = {name for name, (_, nullable) in hints.items() if not nullable}
    assert not_null <= {name for name, figure in table.items() if figure.finite and not figure.optional}


@pytest.mark.parametrize(
    ("model", "columns", "table"),
    [
        (EpochOut, Epoch, EPOCH_FIGURES),
        (LayerOut, Layer, LAYER_FIGURES),
        (ParameterOut, LearntParameter, PARAMETER_FIGURES),
    ],
)
def test_an_answer_has_every_figure_with_the_type_of_its_column(
    model: type[Out], columns: type[Base], table: Mapping[str, Figure]
) -> None:
    nullable = inspect(columns).columns
    hints = {name: split(hint) for name, hint in get_type_hints(model).items() if name in model.model_fields}
    assert [*hints] == [*table]
    assert hints == {name: (figure.value_type, nullable[name].nullable) for name, figure in table.items()}


@pytest.mark.parametrize(
    ("model", "table"), [(EpochOut, EPOCH_FIGURES), (LayerOut, LAYER_FIGURES), (ParameterOut, PARAMETER_FIGURES)]
)
def test_openapi_describes_every_figure(model: type[BaseModel], table: Mapping[str, Figure]) -> None:
    found = {name: (field.description, field.examples) for name, field in model.model_fields.items()}
    row = figures.show_row(table)
    assert found == {name: (figure.description, [row[name]]) for name, figure in table.items()}
    assert all(figure.title and figure.description for figure in table.values())


@pytest.mark.parametrize(
    ("path", "before", "table"),
    [
        ("/v1/jobs/{job_id}/history", [], EPOCH_FIGURES),
        ("/v1/jobs/{job_id}/layers", [], LAYER_FIGURES),
        ("/v1/jobs/{job_id}/parameters", [], PARAMETER_FIGURES),
        (
            "/v1/sweeps/{sweep_id}/history",
            ["job_id", "activation", "seed", "values.optimizer.learning_rate"],
            EPOCH_FIGURES,
        ),
    ],
)
def test_every_example_of_a_file_has_a_column_for_every_figure(
    document: dict[str, Any], path: str, before: list[str], table: Mapping[str, Figure]
) -> None:
    shown = document["paths"][path]["get"]["responses"]["200"]["content"]["text/csv"]["example"]
    header, row = csv.reader(shown.splitlines())
    assert header == [*before, *table]
    assert len(row) == len(header)


@pytest.mark.parametrize("path", ["/v1/jobs/{job_id}/stream", "/v1/stream"])
def test_every_example_of_a_stream_has_every_figure(document: dict[str, Any], path: str) -> None:
    content = document["paths"][path]["get"]["responses"]["200"]["content"]
    frames = content["text/event-stream"]["example"].split("\n\n")
    epoch = next(frame.splitlines()[1] for frame in frames if frame.startswith("event: epoch"))
    data = json.loads(epoch.removeprefix("data: "))
    assert [name for name in data if name not in {"stream", "job_id"}] == [*EPOCH_FIGURES]


@pytest.mark.parametrize("path", ["/v1/sweeps/{sweep_id}/plot.{kind}", "/v1/sweeps/{sweep_id}/means", "/v1/compare"])
def test_every_figure_that_is_plotted_can_be_asked_for(document: dict[str, Any], path: str) -> None:
    schemas = {each["name"]: each["schema"] for each in document["paths"][path]["get"]["parameters"]}
    metric = schemas["metric"].get("anyOf", [schemas["metric"]])[0]
    assert metric["enum"] == [name for name, figure in EPOCH_FIGURES.items() if figure.plotted]


@pytest.mark.parametrize("table", TABLES)
def test_no_two_drawings_of_figures_have_the_same_axis(table: str) -> None:
    plotted = [figure for figure in TABLES[table].values() if figure.plotted]
    assert all(figure.value_type is float for figure in plotted)
    assert len({axes.label(figure) for figure in plotted}) == len(plotted) > 5


def test_the_command_line_lists_every_figure_that_is_to_be_listed() -> None:
    shown = [
        (tabulate_epochs({"epochs": []}), EPOCH_FIGURES),
        (tabulate_layers({"layers": []}), LAYER_FIGURES),
        (tabulate_parameters({"parameters": []}), PARAMETER_FIGURES),
    ]
    for table, figures_of_table in shown:
        assert [*table.headers] == [name for name, figure in figures_of_table.items() if figure.listed]


def test_a_sweep_compares_its_configurations_by_every_figure_of_the_validation() -> None:
    assert [*sweep_results.FIGURES] == [*ValidationFigures.model_fields] == [*BestFigures.model_fields] == VALIDATION


def test_all_that_repeats_a_training_compares_the_same_figures() -> None:
    assert composed.MEASURED == NOT_REPEATABLE


def test_the_page_draws_what_is_plotted_and_mapped() -> None:
    shown = json.loads(figures.describe_for_page())
    assert {figure["name"] for figure in shown["epoch"]} == {
        name for name, figure in EPOCH_FIGURES.items() if figure.plotted
    }
    assert [figure["name"] for figure in shown["layer"]] == [
        name for name, figure in LAYER_FIGURES.items() if figure.mapped
    ]


def test_the_page_knows_no_title_of_its_own_for_a_figure() -> None:
    drawn = [each for table in json.loads(figures.describe_for_page()).values() for each in table]
    scripts = {path.name: path.read_text() for path in PAGE.rglob("*.js")}
    titles = [f'"{each["title"]}"' for each in drawn]
    assert [(name, title) for name, script in scripts.items() for title in titles if title in script] == []
