"""Read an image of a digit from a file, as 28 rows of 28 grey levels: 0 = dark, 255 = light."""

import io
import json
import re
from contextlib import suppress
from pathlib import Path

from PIL import Image as Picture

SIDE = 28
MAX_BYTES = 1_000_000
UTF16 = (b"\xff\xfe", b"\xfe\xff")
SEPARATOR_LINE = re.compile(r"\A\s*\"?sep=.\"?\s*$", re.MULTILINE)
"""The first line in which Excel names the separator of the cells."""
PNG = b"\x89PNG\r\n\x1a\n"

Image = list[list[float]]


class NotADigit(ValueError):
    """The file is not an image of 28 x 28 grey levels; the message gives the reason."""


def read(path: Path) -> Image:
    """A PNG, or text: JSON, CSV, or 784 numbers between blanks.

    Raises:
        OSError: it cannot be read.
        NotADigit: it holds something else.
    """
    if path.stat().st_size > MAX_BYTES:
        raise NotADigit(f"{path} is too large for an image of {SIDE} x {SIDE}")
    content = path.read_bytes()
    return read_png(content, path) if content.startswith(PNG) else read_numbers(content, path)


def read_png(content: bytes, path: Path) -> Image:
    try:
        with Picture.open(io.BytesIO(content)) as picture:
            if picture.size != (SIDE, SIDE):
                raise NotADigit(f"{path} is {picture.width} x {picture.height}; a digit is {SIDE} x {SIDE}")
            grey = picture.convert("L").tobytes()
    except (OSError, SyntaxError) as error:  # Pillow's errors for a damaged PNG
        raise NotADigit(f"{path} is not a readable PNG") from error
    return split_rows([float(level) for level in grey])


def read_numbers(content: bytes, path: Path) -> Image:
    if content.startswith(UTF16) or b"\0" in content:
        raise NotADigit(f"{path} is UTF-16 text or not text; save it as CSV in UTF-8")
    try:
        text = content.decode("utf-8-sig")  # spreadsheets write a byte order mark
        found = flatten(json.loads(text)) if text.lstrip().startswith(("[", "{")) else parse_list(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotADigit(f"{path} is neither a PNG nor numbers") from error
    if len(found) != SIDE * SIDE:
        raise NotADigit(f"{path} holds {len(found)} numbers; a digit has {SIDE} x {SIDE}")
    return split_rows(found)


def parse_list(text: str) -> list[float]:
    """Numbers between commas, semicolons or blanks; between semicolons a comma may be a decimal point."""
    words = re.sub(SEPARATOR_LINE, "", text).replace('"', " ")
    found = split_numbers(words, r"[,;\s]+")
    if len(found) != SIDE * SIDE and ";" in words:
        with suppress(ValueError):
            return split_numbers(words.replace(",", "."), r"[;\s]+")
    return found


def split_numbers(text: str, separator: str) -> list[float]:
    return [float(word) for word in re.split(separator, text) if word]


def flatten(found: object) -> list[float]:
    """The numbers of rows, of one list, or of the body of a request: {"image": rows}."""
    if isinstance(found, dict):
        return flatten(found["image"]) if "image" in found else []
    if isinstance(found, list):
        return [number for inner in found for number in flatten(inner)]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError(f"{found!r} is not a number")
    return [float(found)]


def split_rows(levels: list[float]) -> Image:
    return [levels[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]


def invert(image: Image) -> Image:
    return [[255 - level for level in row] for row in image]
