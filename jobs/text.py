"""Text of users, made safe to display in a terminal, a log, a drawing or a title.

Characters that are invisible, move the cursor or change the direction of writing are escaped as in Python's literals.
"""

import re
from unicodedata import category, combining, east_asian_width

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # Persian words and families of emoji need them
MOST_MARKS = 4
"""Accents on one letter; Vietnamese has two. Hundreds would cover the lines above and below."""
PLAIN = re.compile(r"[ -~]*")


def escape_controls(text: str, *, keep: str = "") -> str:
    r"""Escape control characters, lone surrogates, marks of direction and the like: `\x1b`, `\ud800`, `\u202e`.

    `keep` are characters that stay, such as the line breaks of a traceback.
    """
    if PLAIN.fullmatch(text):
        return text
    return "".join(escape_char(char, keep) for char in text)


def escape_char(char: str, keep: str) -> str:
    if char in keep or char in JOINERS or category(char) not in HIDDEN:
        return char
    return char.encode("unicode_escape").decode("ascii")


def shorten(text: str, most: int) -> str:
    """Escape the text and cut it to that many columns; the end is kept too, because labels differ there."""
    chars = list(limit_marks(escape_controls(text)))
    if measure_width("".join(chars)) <= most:
        return "".join(chars)
    tail = most // 3
    return f"{take_columns(chars, most - tail - 1)}…{take_columns(chars[::-1], tail)[::-1]}"


def limit_marks(text: str) -> str:
    found, marks = [], 0
    for char in text:
        marks = marks + 1 if combining(char) else 0
        if marks <= MOST_MARKS:
            found.append(char)
    return "".join(found)


def take_columns(chars: list[str], most: int) -> str:
    taken, columns = [], 0
    for char in chars:
        columns += measure_width(char)
        if columns > most:
            break
        taken.append(char)
    return "".join(taken)


def measure_width(text: str) -> int:
    """Estimate the width in columns: letters of East Asia and emoji take two, accents none."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
