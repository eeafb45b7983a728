import json
from itertools import chain
from pathlib import Path

import pytest
from PIL import Image

from cli import images

DIGIT = [[float((row * 28 + column) % 256) for column in range(28)] for row in range(28)]
BLANK_PNG = images.PNG + b"nothing"


def lines(separator: str) -> str:
    return "\n".join(separator.join(f"{level:g}" for level in row) for row in DIGIT)


@pytest.mark.parametrize(
    "text",
    [lines(","), lines(" "), lines(";"), json.dumps(DIGIT), json.dumps({"image": DIGIT}), json.dumps([*chain(*DIGIT)])],
    ids=["csv", "blanks", "semicolons", "json", "a request", "one list"],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_text_of_784_numbers_is_an_image(text: str, mark: str, tmp_path: Path):
    path = tmp_path / "digit"
    path.write_text(mark + text + "\n\n")
    assert images.read(path) == DIGIT


@pytest.mark.parametrize(
    "text",
    [
        lines(",").replace("\n", "\r\n") + "\r\n",
        lines("\t"),
        "\n".join(f"{line};" for line in lines(";").splitlines()),
        "sep=;\n" + lines(";"),
        "\n".join(",".join(f'"{level:g}"' for level in row) for row in DIGIT),
        "\n".join(";".join(f"{level:.1f}".replace(".", ",") for level in row) for row in DIGIT),
        lines(",").replace("\n", "\r"),
    ],
    ids=["CRLF", "tabs", "an empty last cell", "sep=", "quoted", "decimal commas", "CR"],
)
def test_what_a_spreadsheet_saves_is_an_image(text: str, tmp_path: Path):
    path = tmp_path / "digit.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert images.read(path) == DIGIT


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_another_encoding_is_named(encoding: str, tmp_path: Path):
    path = tmp_path / "digit.csv"
    path.write_bytes(lines(",").encode(encoding))
    with pytest.raises(images.NotADigit, match="is UTF-16 text or not text; save it as CSV in UTF-8"):
        images.read(path)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1"])
def test_a_png_is_an_image_whatever_its_colours(mode: str, tmp_path: Path):
    path = tmp_path / "digit.png"
    Image.new("L", (28, 28), 255).convert(mode).save(path)
    assert images.read(path) == [[255.0] * 28] * 28


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"1,2,3", "holds 3 numbers; a digit has 28 x 28"),
        (b"hello", "is neither a PNG nor numbers"),
        (b'["a"]', "is neither a PNG nor numbers"),
        (b"[true]", "is neither a PNG nor numbers"),
        (b"{}", "holds 0 numbers"),
        (b"[" * 100_000, "is neither a PNG nor numbers"),
        (b"\xff", "is neither a PNG nor numbers"),
        (b"1;2,5;3", "holds 3 numbers"),
        (BLANK_PNG, "is not a readable PNG"),
        (b"0" * 1_000_001, "is too large"),
    ],
)
def test_what_is_no_digit_is_refused_in_words(content: bytes, says: str, tmp_path: Path):
    path = tmp_path / "digit"
    path.write_bytes(content)
    with pytest.raises(images.NotADigit, match=says):
        images.read(path)


def test_a_png_of_another_size_is_refused(tmp_path: Path):
    path = tmp_path / "digit.png"
    Image.new("L", (280, 28)).save(path)
    with pytest.raises(images.NotADigit, match="is 280 x 28; a digit is 28 x 28"):
        images.read(path)


def test_a_png_that_is_cut_off_is_refused(tmp_path: Path):
    path = tmp_path / "digit.png"
    Image.effect_noise((28, 28), 90).save(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(images.NotADigit, match="is not a readable PNG"):
        images.read(path)


def test_an_inverted_image_is_light_where_it_was_dark():
    assert images.invert([[0.0, 255.0, 100.0]]) == [[255.0, 0.0, 155.0]]
