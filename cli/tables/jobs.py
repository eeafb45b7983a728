"""Tables of jobs, of one job, and of its checkpoints and predictions."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from cli.tables.figures import format_duration, format_loss, format_percent, format_progress
from cli.tables.table import Answer, Row, Table, tabulate_facts
from jobs.values import flatten, format_value

HEADERS = (
    *("id", "state", "activation", "epochs", "val loss", "accuracy", "seed", "learning rate", "images", "test"),
    *("name", "note", "differs in"),
)
OPTIONAL = ("note", "differs in", "test", "images", "val loss", "learning rate", "epochs", "seed", "name")
WITH_A_COLUMN = frozenset({"activation", "epochs", "seed", "optimizer.learning_rate", "train_samples"})
NOT_COMPARED = ("metadata", "parameters", "formula")  # which only the job, or its activation, has


def tabulate_jobs(jobs: Iterable[Answer]) -> Table:
    """A row a job, with its figures, its seed, and its name and note."""
    listed = list(jobs)
    differences = find_differences([job["spec"] for job in listed])
    return Table(HEADERS, [format_job(job, own) for job, own in zip(listed, differences, strict=True)], OPTIONAL)


def format_job(job: Answer, differences: str) -> Row:
    best, spec, test = job["best"], job["spec"], job["test"]
    figures = (format_loss(best["val_loss"]), format_percent(best["val_accuracy"])) if best else ("", "")
    return (
        *(job["id"], job["state"], spec["activation"], format_progress(job), *figures),
        *(str(spec["seed"]), f"{spec['optimizer']['learning_rate']:g}", str(spec["train_samples"] or "all")),
        format_percent(test["accuracy"]) if test else "",
        *read_name_and_note(spec["metadata"]),
        differences,
    )


def read_name_and_note(metadata: Mapping[str, str]) -> tuple[str, str]:
    return metadata.get("name", ""), metadata.get("note", "")


def find_differences(specs: Sequence[Answer]) -> list[str]:
    """Find for each job the settings without a column of their own in which it differs from most of the jobs."""
    flat = [{path: value for path, value in flatten(spec) if is_compared(path)} for spec in specs]
    paths = dict.fromkeys(path for fields in flat for path in fields)
    counts = {path: Counter(json.dumps(fields.get(path)) for fields in flat) for path in paths}
    return [
        ", ".join(
            f"{path} {format_value(value)}"
            for path, value in fields.items()
            if 2 * counts[path][json.dumps(value)] <= len(specs) and len(specs) > 1
        )
        for fields in flat
    ]


def is_compared(path: str) -> bool:
    return path not in WITH_A_COLUMN and not path.startswith(NOT_COMPARED)


def tabulate_job(job: Answer) -> Table:
    name, note = read_name_and_note(job["spec"]["metadata"])
    metadata = {key: text for key, text in job["spec"]["metadata"].items() if key not in {"name", "note"}}
    spec = {field: value for field, value in job["spec"].items() if field not in {"activation", "formula", "metadata"}}
    facts = {
        "name": name,
        "note": note,
        "state": job["state"],
        "because": job["transitions"][-1]["reason"],
        "activation": job["spec"]["activation"],
        "formula": job["spec"].get("formula"),
        "asked for": json.dumps(spec),
        "metadata": metadata and json.dumps(metadata, ensure_ascii=False),
        "epochs": format_progress(job),
        "time left": format_duration(job["eta_seconds"]),
        "place in the queue": job["queue_position"],
        "best": job["best"]
        and f"epoch {job['best']['epoch']}, val loss {format_loss(job['best']['val_loss'])}, "
        f"val accuracy {format_percent(job['best']['val_accuracy'])}",
        "test": job["test"]
        and f"loss {format_loss(job['test']['loss'])}, accuracy {format_percent(job['test']['accuracy'])}",
        "error": job["error"] and f"{job['error']['message']} ({job['error']['code']})",
        **{f"diagnosis {number}": found["message"] for number, found in enumerate(job["diagnoses"], start=1)},
        "device": job["environment"] and job["environment"]["device"],
        "attempt": job["attempt"],
        "sweep": job["sweep_id"],
        "retry of": job["retry_of"],
        "created at": job["created_at"],
        "started at": job["started_at"],
        "finished at": job["finished_at"],
    }
    return tabulate_facts(("job", job["id"]), facts)


def tabulate_checkpoints(answer: Answer) -> Table:
    rows = (
        (str(row["epoch"]), str(row["attempt"]), str(row["size_bytes"]), row["created_at"], row["sha256"])
        for row in answer["checkpoints"]
    )
    return Table(("epoch", "attempt", "bytes", "created at", "sha256"), rows)


def tabulate_prediction(prediction: Answer) -> Table:
    """The most probable digit first."""
    ranked = sorted(enumerate(prediction["probabilities"]), key=lambda pair: -pair[1])
    return Table(("digit", "probability"), ((str(digit), format_percent(probability)) for digit, probability in ranked))
