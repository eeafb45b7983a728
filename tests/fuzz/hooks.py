"""Helps schemathesis to formulas and ids, keeps its time from one endpoint, and a false failure away.

Loaded by its path; FUZZ_IDS has the ids that exist, and how many of those in a list become one of them.
"""

import json
import os
from math import prod
from typing import Any
from zlib import crc32

import schemathesis
from hypothesis import strategies as st

from activations import catalog

ATOMS = st.sampled_from(["x", "x", "b", "2", "0.5", "pi", "e", "-x", "1e300"])
FUNCTIONS = st.sampled_from(["exp", "log", "sqrt", "abs", "tanh", "sigmoid", "softplus", "erfc", "Phi", "relu", "sinh"])


def nest(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/^"), inner),
        st.builds("{}({})".format, FUNCTIONS, inner),
        st.builds("where({0} < {1}, {1}, {0})".format, inner, inner),
        st.builds("clip({}, -1, 1)".format, inner),
    )


FORMULAS = st.recursive(ATOMS, nest, max_leaves=12)
ODD_FORMULAS = st.text("xb()+-*/^,.<>=19e_ \t\n\u221a'", max_size=40) | st.sampled_from(
    [
        "(" * 900,
        "-" * 900 + "x",
        "x" + "+x" * 400,
        "9^9^9^9",
        "x**64**64",
        "__import__('os')",
        "lambda: x",
        "x[0]",
        "x.a",
    ]
)
schemathesis.openapi.format("formula", FORMULAS | ODD_FORMULAS)

MOST_NUMBERS = 2_000_000
"""Activations of one propagation; the largest that the schema allows takes seconds."""


@schemathesis.hook
def filter_body(context: schemathesis.HookContext, body: Any) -> bool:
    """Drop most of the largest propagations."""
    if context.operation is None or context.operation.path != "/v1/gradients/propagation":
        return True
    sizes = [body.get(name) for name in ("depth", "width", "samples")] if isinstance(body, dict) else []
    return prod(size for size in sizes if isinstance(size, int | float)) <= MOST_NUMBERS


IDS = json.loads(os.environ.get("FUZZ_IDS", '{"known": {}}'))


@schemathesis.hook
def map_query(_context: schemathesis.HookContext, query: Any) -> Any:
    """Put ids that exist in place of most of those in a list; the configuration does so for parts of a path alone."""
    if not isinstance(query, dict):
        return query
    return {
        name: [pick(name, each) for each in value] if is_list_of_ids(name, value) else value
        for name, value in query.items()
    }


def is_list_of_ids(name: str, value: Any) -> bool:
    return name in IDS["known"] and isinstance(value, list)


def pick(name: str, given: Any) -> Any:
    """Pick by what was given, so that the same value always becomes the same id."""
    known, number = IDS["known"][name], crc32(repr(given).encode())
    return known[number % len(known)] if number % 100 < 100 * IDS["probability"] else given


@schemathesis.hook
def filter_failure(_context: schemathesis.HookContext, failure: Any, case: Any, _response: Any) -> bool:
    """Drop what is none, in the two ways of `is_true_of_name` and `is_list_of_one`."""
    return not (is_true_of_name(failure, case) or is_list_of_one(failure, case))


def is_true_of_name(failure: Any, case: Any) -> bool:
    """Whether Allow leaves out DELETE for an activation of the catalog, which cannot be deleted."""
    name = (case.path_parameters or {}).get("name")
    of_catalog = case.operation.path == "/v1/activations/{name}" and name in catalog.ACTIVATIONS
    return of_catalog and getattr(failure, "missing_methods", None) == ["DELETE"]


def is_list_of_one(failure: Any, case: Any) -> bool:
    """Whether a stream was accepted whose jobs or sweeps are one value in place of a list: a query is the same."""
    given = [value for name, value in (case.query or {}).items() if name in {"jobs", "sweeps"}]
    single = any(not isinstance(value, list) for value in given)
    return single and case.operation.path == "/v1/stream" and failure.code == "ST201"
