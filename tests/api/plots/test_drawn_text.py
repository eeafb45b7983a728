"""Text of users in drawings: shown as it is, whatever it is, and never larger than a drawing has room for."""

import io
import xml.etree.ElementTree as ET

import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.http.formats import Format
from api.plots.drawings import Drawing
from api.plots.panels import MAX_LINES, Line, Panel

MOST_PIXELS = 3000
SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://purl.org/dc/elements/1.1/}title"
TEXTS = {
    r"$\frac$": r"$\frac$",
    "5$ or 6$": "5$ or 6$",
    r"\$5_{a}^b%&#~": r"\$5_{a}^b%&#~",
    "$unbalanced": "$unbalanced",
    "a\u0001b": r"a\x01b",
    "a\nb\r\tc": r"a\nb\r\tc",
    "<b>&amp;</b>]]>": "<b>&amp;</b>]]>",
    "\ufffe\uffff": r"\ufffe\uffff",
    "\ud83d": r"\ud83d",
    "\x1b[31m\x9b": r"\x1b[31m\x9b",
    "\u202egnp.exe": r"\u202egnp.exe",
    "漢字 😀 שלום مرحبا \ue000": "漢字 😀 שלום مرحبا \ue000",
    "e\u0301": "e\u0301",
}


def texts_of(svg: bytes) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


def drawn(text: str, kind: Format) -> bytes:
    lines = [Line(f"relu, {text}{number}", [1, 2], [0.1, 0.2]) for number in range(5)]
    panel = Panel(xlabel=text, ylabel=text, lines=lines, log=True)
    return Drawing(text, [panel], subtitle=text).render(kind)


@pytest.mark.parametrize(("text", "shown"), TEXTS.items(), ids=ascii)
def test_text_is_drawn_as_it_is(text: str, shown: str) -> None:
    svg = drawn(text, Format.SVG)
    found = texts_of(svg)
    assert [f"relu, {shown}{number}" for number in range(5)] == [each for each in found if each.startswith("relu")]
    assert found.count(shown) == 4  # the title, the subtitle and two axes
    assert next(ET.fromstring(svg).iter(TITLE)).text == shown
    assert Image.open(io.BytesIO(drawn(text, Format.PNG))).size[0] > 100


@pytest.mark.parametrize(
    "text", ["x" * 20_000, "x\n" * 10_000, "漢" * 20_000, "a" + "\u0301" * 20_000, "\u0001" * 20_000]
)
def test_long_text_makes_no_large_drawing(text: str) -> None:
    lines = [Line(f"relu {text} {number}", [1], [1]) for number in range(MAX_LINES)]
    panel = Panel(xlabel="x", ylabel="y", lines=lines)
    picture = Drawing(text, [panel, panel], subtitle=text)
    assert max(Image.open(io.BytesIO(picture.render(Format.PNG))).size) <= MOST_PIXELS
    assert len(picture.render(Format.SVG)) < 500_000


def test_ticks_of_a_log_axis_are_powers_of_ten() -> None:
    panel = Panel(xlabel="x", ylabel="y", lines=[Line("", [1, 2, 3], [1e-3, 1, 1e4])], log=True)
    found = texts_of(Drawing("", [panel]).render(Format.SVG))
    assert {"10⁻³", "10⁰", "10⁴"} <= {*found}
    assert not [text for text in found if "$" in text]


def test_a_grid_of_odd_words_is_drawn(client: TestClient) -> None:
    words = [text for text in TEXTS if text.isprintable() or "\x01" in text]
    body = {"activations": ["relu"], "base": {"epochs": 1}, "grid": {"metadata.note": [*words, "x" * 200]}}
    sweep = client.post("/v1/sweeps", json=body).json()
    assert len(sweep["configurations"]) == len(words) + 1
    for kind in ("svg", "png"):
        response = client.get(f"{sweep['links']['self']}/plot.{kind}")
        assert response.status_code == 200, response.text
    ids = ",".join(row["job_ids"][0] for row in sweep["configurations"])
    for kind in ("svg", "png"):
        assert client.get("/v1/compare", params={"jobs": ids, "format": kind}).status_code == 200
    assert [text for text in texts_of(client.get(f"{sweep['links']['self']}/plot.svg").content) if r"\frac" in text]
