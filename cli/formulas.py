"""A formula on a terminal, with a caret under the column that the service refuses."""

from jobs.text import escape_controls, measure_width

BEFORE = 60
AFTER = 15
"""Characters of a long formula that are shown on either side of the column."""


def point_at(formula: str, column: int) -> str:
    """The formula on one line, and below it a caret under the column, counted from 1."""
    at = min(column - 1, len(formula))
    before, after = escape_controls(formula[max(0, at - BEFORE) : at]), escape_controls(formula[at : at + AFTER])
    start, end = "…" if at > BEFORE else "", "…" if at + AFTER < len(formula) else ""
    return f"  {start}{before}{after}{end}\n  {' ' * measure_width(start + before)}^"
