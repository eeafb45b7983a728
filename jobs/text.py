"""Text of users, made safe to show: in a terminal, a log, a drawing or a title.

What cannot be seen, moves the cursor or turns the writing around is written out, as Python's literals have it.
"""

import re
from unicodedata import category, combining, east_asian_width

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # Persian words and families of emoji need them
MOST_MARKS = 4
"""Accents on one letter; Vietnamese has two. Hundreds would reach over the lines above and below."""
PLAIN = re.compile(r"[ -~]*")


def visible(text: str, *, keep: str = "") -> str:
    r"""Control characters, lone surrogates, turns of direction and the like as `\x1b`, `\ud800`, `\u202e`.

    `keep` are those that the caller wants as they are, such as the line breaks of a traceback.
    """
    if PLAIN.fullmatch(text):
        return text
    return "".join(shown(char, keep) for char in text)


def shown(char: str, keep: str) -> str:
    if char in keep or char in JOINERS or category(char) not in HIDDEN:
        return char
    return char.encode("unicode_escape").decode("ascii")


def shortened(text: str, most: int) -> str:
    """Visible, and within that many columns: the end is kept too, for that is where labels differ."""
    chars = list(few_marks(visible(text)))
    if width("".join(chars)) <= most:
        return "".join(chars)
    tail = most // 3
    return f"{fitting(chars, most - tail - 1)}…{fitting(chars[::-1], tail)[::-1]}"


def few_marks(text: str) -> str:
    found, marks = [], 0
    for char in text:
        marks = marks + 1 if combining(char) else 0
        if marks <= MOST_MARKS:
            found.append(char)
    return "".join(found)


def fitting(chars: list[str], most: int) -> str:
    taken, columns = [], 0
    for char in chars:
        columns += width(char)
        if columns > most:
            break
        taken.append(char)
    return "".join(taken)


def width(text: str) -> int:
    """In columns, nearly: letters of East Asia and emoji take two, accents none."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
