"""Texts made at random: each is a formula, or refused at a column; and nothing but the table is ever called."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from scipy import special

from activations.formula.formula import Formula
from activations.formula.language import InvalidFormula, parse, write
from activations.formula.table import NAMED

COUNT = 20_000
READ_WHOLE = 5  # of which one in so many is also differentiated
BATCH = 2_000  # which gets a minute: far more than a quick parser needs on a slow machine

OPERATORS = ["+", "-", "*", "/", "^", "**", " + ", " * "]
LEAVES = ["x", "x", "a", "beta", "pi", "e", "0", "1", "2.5", ".5", "1e-3", "7"]
GARBAGE = [
    *"x+-*/^(),.<>=!&|~%@:;[]{}'\"\\\t\n\0 _#$019aZ",
    "lambda ",
    "**",
    "//",
    "\u00e9",
    "\uff11",
    "\uff58",
    "\ufb01",
]
GARBAGE += [
    "exp(",
    "where(",
    "0x",
    "1_0",
    "1j",
    "f''",
    ":=",
    " if ",
    " else ",
    "not ",
    "__import__('os')",
    "\ud800",
    "...",
]
FORBIDDEN = ("exec", "import", "open", "os.", "subprocess.", "socket.", "ctypes.")

watched: list[str] | None = None


def watch(event: str, _: object) -> None:
    if watched is not None and event.startswith(FORBIDDEN):
        watched.append(event)


sys.addaudithook(watch)  # for good: Python has no way to remove one


@contextmanager
def audit() -> Iterator[list[str]]:
    global watched  # noqa: PLW0603  # an audit hook takes no state of its own
    watched = []
    try:
        yield watched
    finally:
        watched = None


def write_formula(random: Random, depth: int) -> str:
    if depth == 0 or random.random() < 0.2:
        return random.choice(LEAVES)
    kind = random.random()
    if kind < 0.5:
        return write_formula(random, depth - 1) + random.choice(OPERATORS) + write_formula(random, depth - 1)
    if kind < 0.65:
        return random.choice(["-{}", "({})"]).format(write_formula(random, depth - 1))
    name = random.choice(list(NAMED))
    arguments = [write_formula(random, depth - 1) for _ in range(NAMED[name].arity)]
    if name == "where":
        arguments[0] += random.choice(["<", "<=", ">", " >= "]) + write_formula(random, depth - 1)
    return f"{name}({', '.join(arguments)})"


def damage(random: Random, text: str) -> str:
    characters = list(text)
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(characters) + 1)
        characters[place : place + random.randrange(2)] = random.choice(GARBAGE)
    return "".join(characters)


def make_text(random: Random) -> str:
    kind = random.random()
    if kind < 0.1:
        return "".join(random.choice(GARBAGE) for _ in range(random.randrange(40)))
    text = write_formula(random, random.randrange(6))
    return text if kind < 0.6 else damage(random, text)


def read_or_refuse(text: str, *, whole: bool) -> bool:
    """Read a text; return whether it is a formula."""
    try:
        tree = Formula.read(text).tree if whole else parse(text)
    except InvalidFormula as refused:
        return check_column(refused, text)
    assert parse(write(tree)) == tree
    return True


def check_column(refused: InvalidFormula, text: str) -> bool:
    assert 1 <= refused.column <= len(text) + 1
    return False


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(COUNT // BATCH))
def test_any_text_is_read_or_refused_at_a_column_and_nothing_else_is_called(seed: int):
    random = Random(seed)
    special.erf(0.0)  # imported before it is watched
    texts = [make_text(random) for _ in range(BATCH)]
    with audit() as events:
        read = [read_or_refuse(text, whole=index % READ_WHOLE == 0) for index, text in enumerate(texts)]
    assert events == []
    assert 0.3 < sum(read) / BATCH < 0.9
