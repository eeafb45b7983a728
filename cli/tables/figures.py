"""Figures as text, for tables, progress and the last line of a command."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any


def format_loss(value: float | None) -> str:
    return "" if value is None else f"{value:.5f}"


def format_percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f} %"


def format_seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def format_duration(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


def format_progress(thing: Mapping[str, Any]) -> str:
    """Epochs of a job or of a sweep: `3/10`."""
    return f"{thing['progress']['epoch']}/{thing['progress']['epochs']}"
