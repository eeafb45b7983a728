"""A digit in a file, as the service wants to see it: 28 rows of 28 grey levels, 0 = dark, 255 = light."""

import io
import json
import re
from contextlib import suppress
from pathlib import Path

from PIL import Image as Picture

SIDE = 28
LARGEST_BYTES = 1_000_000
UTF16 = (b"\xff\xfe", b"\xfe\xff")
SEPARATOR_LINE = re.compile(r"\A\s*\"?sep=.\"?\s*$", re.MULTILINE)
"""The first line that Excel writes, or reads, to name what separates the cells."""
PNG = b"\x89PNG\r\n\x1a\n"

Image = list[list[float]]


class NotADigit(ValueError):
    """The file is no image of 28 x 28 grey levels; the message says why."""


def read(path: Path) -> Image:
    """A PNG, or text: JSON, CSV, or 784 numbers between blanks.

    Raises:
        OSError: it cannot be read.
        NotADigit: it holds something else.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise NotADigit(f"{path} is too large for an image of {SIDE} x {SIDE}")
    content = path.read_bytes()
    return pixels(content, path) if content.startswith(PNG) else numbers(content, path)


def pixels(content: bytes, path: Path) -> Image:
    try:
        with Picture.open(io.BytesIO(content)) as picture:
            if picture.size != (SIDE, SIDE):
                raise NotADigit(f"{path} is {picture.width} x {picture.height}; a digit is {SIDE} x {SIDE}")
            grey = picture.convert("L").tobytes()
    except (OSError, SyntaxError) as error:  # what Pillow makes of a damaged PNG
        raise NotADigit(f"{path} is no PNG that can be read") from error
    return rows([float(level) for level in grey])


def numbers(content: bytes, path: Path) -> Image:
    if content.startswith(UTF16) or b"\0" in content:
        raise NotADigit(f"{path} is UTF-16 text or no text at all; save it as CSV in UTF-8")
    try:
        text = content.decode("utf-8-sig")  # spreadsheets write a byte order mark
        found = flat(json.loads(text)) if text.lstrip().startswith(("[", "{")) else listed(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotADigit(f"{path} is neither a PNG nor numbers") from error
    if len(found) != SIDE * SIDE:
        raise NotADigit(f"{path} holds {len(found)} numbers; a digit has {SIDE} x {SIDE}")
    return rows(found)


def listed(text: str) -> list[float]:
    """Between commas, semicolons or blanks; with semicolons a comma may also be the decimal point of a spreadsheet."""
    words = re.sub(SEPARATOR_LINE, "", text).replace('"', " ")
    found = separated(words, r"[,;\s]+")
    if len(found) != SIDE * SIDE and ";" in words:
        with suppress(ValueError):
            return separated(words.replace(",", "."), r"[;\s]+")
    return found


def separated(text: str, separator: str) -> list[float]:
    return [float(word) for word in re.split(separator, text) if word]


def flat(found: object) -> list[float]:
    """Rows, all numbers in one list, or the body of a request: {"image": rows}."""
    if isinstance(found, dict):
        return flat(found["image"]) if "image" in found else []
    if isinstance(found, list):
        return [number for inner in found for number in flat(inner)]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError(f"{found!r} is no number")
    return [float(found)]


def rows(levels: list[float]) -> Image:
    return [levels[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]


def inverted(image: Image) -> Image:
    return [[255 - level for level in row] for row in image]
