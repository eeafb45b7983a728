"""docs/performance.md, from the figures of the last runs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from textwrap import fill
from typing import Any

from bench.figures import Figures
from bench.rows import SECTIONS, Row, Section

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Performance

`make bench` measures the service beside its peers on this machine, in turns, and writes this page. Figures are medians,
with the quartiles in brackets. Ratios carry over to other machines, absolute figures do not.
"""
WIDTH = 120
HEADERS = "| what | ours | beside it | ratio | at least | aim | reached |\n| --- | --- | --- | --- | --- | --- | --- |"
Run = Mapping[str, Any]
"""The figures of a section, and where and when they were measured."""
Summary = Sequence[float]
"""First quartile, median, third quartile."""


def summarize(figures: Figures) -> dict[str, Any]:
    return {
        "figures": {name: [*map(round_figure, quartiles(samples))] for name, samples in figures.samples.items()},
        "reasons": figures.reasons,
    }


def quartiles(samples: Sequence[float]) -> list[float]:
    return quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else [*samples] * 3


def round_figure(value: float) -> float:
    return float(f"{value:.4g}")


def read_runs(path: Path) -> dict[str, Run]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def write_page(page: Path, runs: Mapping[str, Run]) -> None:
    """Write the page, and the figures beside it."""
    page.with_suffix(".json").write_text(json.dumps(runs, indent=1) + "\n")
    page.write_text(format_page(runs))


def format_page(runs: Mapping[str, Run]) -> str:
    versions = dict.fromkeys(version for run in runs.values() for version in run["versions"].split(", "))
    peers = [f"Versions: {', '.join(versions)}.\n"] if versions else []
    return "\n".join([HEAD, *peers, *(format_section(SECTIONS[name], runs.get(name)) for name in SECTIONS)])


def format_section(section: Section, run: Run | None) -> str:
    rows = "\n".join(format_row(row, run) for row in section.rows)
    where = "Not measured yet." if run is None else f"`{run['command']}`, {run['measured']}, {run['machine']}."
    how, where = fill(section.how, WIDTH), fill(where, WIDTH)
    return f"## {section.title}\n\n{how}\n\n{where}\n\n{HEADERS}\n{rows}\n"


def format_row(row: Row, run: Run | None) -> str:
    ours, beside = find_summary(run, row.ours), find_summary(run, row.beside)
    ratio = None if ours is None or (row.beside and beside is None) else compare(row, ours, beside)
    cells = [
        row.what,
        format_figure(row, run, row.ours),
        format_figure(row, run, row.beside) if row.beside else "",
        "" if ratio is None or row.ratio == "none" else format_bound(row, ratio),
        "" if row.at_least is None else format_bound(row, row.at_least),
        "" if row.aim is None else format_bound(row, row.aim),
        "" if ratio is None else judge(row, ratio),
    ]
    return f"| {' | '.join(cells)} |"


def find_summary(run: Run | None, name: str) -> Summary | None:
    return None if run is None else run["figures"].get(name)


def compare(row: Row, ours: Summary, beside: Summary | None) -> float:
    """The figure that the row's bounds are about."""
    if beside is None:
        return ours[1] * (1000 if row.unit == "ms" else 1)
    slower = row.ratio == "faster" or (row.ratio == "rate" and row.unit != "images/s")
    return beside[1] / ours[1] if slower else ours[1] / beside[1]


def judge(row: Row, ratio: float) -> str:
    def holds(bound: float | None) -> bool:
        return bound is not None and (ratio >= bound if row.ratio in {"faster", "rate"} else ratio <= bound)

    if row.at_least is None and row.aim is None:
        return ""
    return "aim" if holds(row.aim) else "at least" if holds(row.at_least) else "no"


def format_figure(row: Row, run: Run | None, name: str) -> str:
    summary = find_summary(run, name)
    if summary is None:
        reason = "" if run is None else run["reasons"].get(name, "")
        return f"not measured: {reason}" if reason else "not measured"
    low, median, high = (format_number(value * (1000 if row.unit == "ms" else 1)) for value in summary)
    spread = "" if low == high else f" ({low} to {high})"
    return f"{median} {row.unit}{spread}"


def format_bound(row: Row, value: float) -> str:
    match row.ratio:
        case "times":
            return f"{value:.3g} x"
        case "faster":
            return f"{value:.3g} x faster"
        case "rate":
            return f"{value:.0%}"
        case "none":
            return f"{format_number(value)} {row.unit}"


def format_number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
