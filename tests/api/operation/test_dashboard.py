"""The dashboard and the alerts ask for metrics and labels that there are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from db import workers

DOCS = Path(__file__).parents[3] / "docs"
DASHBOARD = json.loads((DOCS / "grafana" / "activation-lab.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((DOCS / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
ASKED = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]] + [
    rule["expr"] for rule in RULES
]
OF_PROMETHEUS = {"instance", "job"}


@pytest.fixture
def scraped(client: TestClient, app: Any) -> dict[str, set[str]]:
    """The labels of each sample."""
    with app.state.sessions.begin() as session:
        workers.report(session, "worker/1", device="cpu", job_id=None)
    client.get("/healthz")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_metric_and_label_that_is_asked_for_exists(scraped: dict[str, set[str]]) -> None:
    for expression in ASKED:
        names = set(re.findall(r"\b(?:activation_lab|process|python)_\w+", expression))
        assert names, expression
        assert names <= set(scraped), expression
        labels = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
        labels |= set(re.findall(r"[{,]\s*(\w+)\s*[=!]", expression))
        assert labels <= OF_PROMETHEUS.union(*(scraped[name] for name in names)), expression


def test_panels_have_units_and_do_not_overlap() -> None:
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in DASHBOARD["panels"]]
    assert len({place[:2] for place in places}) == len(places)
    assert all(x + width <= 24 for x, _, width, _ in places)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in DASHBOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"${datasource}"}
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource"]


def test_the_example_scrapes_the_service_and_loads_the_alerts() -> None:
    example = yaml.safe_load((DOCS / "prometheus" / "prometheus.yml").read_text())
    assert example["rule_files"] == ["alerts.yml"]
    assert [rule["alert"] for rule in RULES]
