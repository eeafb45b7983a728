"""Print a table: fitted to the terminal's width, or elsewhere as lines with tabs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from cli.tables.table import Row, Table
from jobs.text import escape_controls

UNBROKEN = frozenset({"id", "job", "sweep", "worker"})  # in one piece, to be copied, also on a narrow terminal
MAX_WIDTH = {"name": 40, "note": 60, "differs in": 60, "varies": 60, "formula": 60}
"""Columns of users' text, which is cut where it is longer, or where the terminal is narrow."""
MIN_WIDTH = 12


def print_table(table: Table) -> None:
    console = Console()
    rows = [[*map(escape_controls, row)] for row in table.rows]
    if console.is_terminal:
        console.print(fit(table.headers, rows, console, table.optional))
    else:
        for row in (table.headers, *rows):
            print("\t".join(row))  # noqa: T201  # what the command is for


def fit(headers: Row, rows: Sequence[Row], console: Console, optional: Sequence[str]) -> RichTable:
    """Draw the table with as many columns, and as wide gaps, as the terminal has room for."""
    kept = [header for header in headers if header not in optional or any(read_column(headers, rows, header))]
    leaving = [header for header in optional if header in kept]
    while True:
        for gap in (2, 1):
            drawn = draw(kept, select_columns(headers, rows, kept), gap=gap)
            spare = console.width - measure_width(drawn, console)
            if spare >= 0:
                return draw(kept, widen_columns(headers, rows, kept, spare), gap=gap)
        if not leaving:
            return drawn
        kept.remove(leaving.pop(0))


def read_column(headers: Row, rows: Sequence[Row], header: str) -> list[str]:
    return [row[list(headers).index(header)] for row in rows]


def select_columns(
    headers: Row, rows: Sequence[Row], kept: Sequence[str], widths: Mapping[str, int] | None = None
) -> list[Row]:
    """The rows with those columns alone, text cut to the widths."""
    places = [list(headers).index(header) for header in kept]
    limits = [(widths or dict.fromkeys(MAX_WIDTH, MIN_WIDTH)).get(header) for header in kept]
    return [[truncate(row[place], limit) for place, limit in zip(places, limits, strict=True)] for row in rows]


def widen_columns(headers: Row, rows: Sequence[Row], kept: Sequence[str], spare_cells: int) -> list[Row]:
    """Give the rest of the terminal's width to users' text, the first column first."""
    widths = {}
    for header in kept:
        if header in MAX_WIDTH:
            natural = max((cell_len(text) for text in read_column(headers, rows, header)), default=0)
            widths[header] = min(natural, MAX_WIDTH[header], max(MIN_WIDTH, len(header)) + spare_cells)
            spare_cells -= max(0, widths[header] - max(MIN_WIDTH, len(header)))
    return select_columns(headers, rows, kept, widths)


def truncate(text: str, width: int | None) -> str:
    return text if width is None or cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def measure_width(drawn: RichTable, console: Console) -> int:
    return Measurement.get(console, console.options.update(max_width=10_000), drawn).maximum


def draw(headers: Row, rows: Iterable[Row], *, gap: int = 2) -> RichTable:
    """The first column names the row; the others are figures, at the right, or text. No cell is markup."""
    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap - 1, 0, 0))
    cells = [*rows]
    for number, header in enumerate(headers):
        figures = number > 0 and header not in UNBROKEN and all(is_figure(row[number]) for row in cells)
        justify: Literal["left", "right"] = "right" if figures else "left"
        drawn.add_column(make_cell(header), justify=justify, overflow="fold", no_wrap=header in UNBROKEN)
    for row in cells:
        drawn.add_row(*map(make_cell, row))
    return drawn


def make_cell(text: str) -> Text:
    """Make a cell without markup or emoji codes, which rich would read in a string. A header may have two lines."""
    return Text(escape_controls(text, keep="\n"))


def is_figure(text: str) -> bool:
    return text in {"", "all"} or text[0].isdigit() or text[0] in "-+"
