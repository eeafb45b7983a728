"""The table of the workers."""

from collections.abc import Iterable

from cli.tables.table import Answer, Table


def tabulate_workers(workers: Iterable[Answer]) -> Table:
    headers = ("worker", "state", "device", "job", "last seen at")
    rows = [(row["id"], row["state"], row["device"], row["job_id"] or "", row["last_seen_at"]) for row in workers]
    return Table(headers, rows, ("last seen at", "device"))
