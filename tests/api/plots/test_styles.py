"""The styles of activations: every one its own, and told apart by eyes of every kind."""

from itertools import combinations, product

import numpy as np
import pytest
from starlette.testclient import TestClient

from activations import catalog
from activations.functions import Array
from api.plots import styles

WHITE, DARK_PANEL = "#ffffff", "#161b22"  # the latter page.css's
LEAST_CONTRAST = 3.0  # WCAG 2.2, 1.4.11
LEAST_DISTANCE = 0.055
"""In Oklab, where black and white are 1 apart; of the six of Okabe and Ito that are left on white it is 0.07."""

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009
EYES = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# Björn Ottosson, "A perceptual color space for image processing", 2020
LMS = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip  # noqa: E501
LAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip  # noqa: E501


def linear(color: str) -> Array:
    channels = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(color: str, ground: str) -> float:
    light = [linear(each) @ [0.2126, 0.7152, 0.0722] + 0.05 for each in (color, ground)]
    return float(max(light) / min(light))


def seen(color: str, eyes: str) -> Array:
    """In Oklab."""
    cones = np.array(LMS) @ np.clip(np.array(EYES[eyes]) @ linear(color), 0, 1)
    found: Array = np.array(LAB) @ np.cbrt(cones)
    return found


def test_every_activation_of_the_catalog_has_its_color() -> None:
    assert [*styles.COLORS] == [*catalog.ACTIVATIONS]


@pytest.mark.parametrize(("theme", "ground"), [(0, WHITE), (1, DARK_PANEL)])
def test_every_line_stands_out_from_its_ground(theme: int, ground: str) -> None:
    assert {
        name: pair[theme] for name, pair in styles.COLORS.items() if contrast(pair[theme], ground) < LEAST_CONTRAST
    } == {}


@pytest.mark.parametrize(("theme", "eyes"), [*product((0, 1), EYES)])
def test_no_two_activations_look_alike(theme: int, eyes: str) -> None:
    for (name, one), (other, another) in combinations(styles.COLORS.items(), 2):
        distance = np.linalg.norm(seen(one[theme], eyes) - seen(another[theme], eyes))
        assert distance > LEAST_DISTANCE, (name, other)


def test_lines_of_one_activation_keep_its_color_and_differ_in_dash_and_marker() -> None:
    many = styles.style_activations(["relu"] * 24)
    assert {style.color for style in many} == {styles.style_activation("relu").color}
    assert len({(style.dash, style.marker) for style in many}) == 24
    assert len({style.dash for style in many[:8]}) == 8


def test_a_second_line_of_one_activation_never_looks_like_another_activation() -> None:
    found = styles.style_activations([*catalog.ACTIVATIONS, *catalog.ACTIVATIONS])
    assert len({style.color for style in found}) == len(catalog.ACTIVATIONS)
    assert len({(style.color, style.dash, style.marker) for style in found}) == 2 * len(catalog.ACTIVATIONS)


def test_an_activation_of_ones_own_looks_the_same_always_and_like_none_of_the_catalog() -> None:
    names = [f"own-{number}" for number in range(200)]
    found = {name: styles.style_activation(name) for name in names}
    assert found == {name: styles.style_activation(name) for name in reversed(names)}
    assert not any(style.dash == styles.SOLID for style in found.values())
    assert len({(style.color, style.dash) for style in found.values()}) > 75, "of 98"
    assert styles.style_activation("swishy") == styles.Style(color="#6e170c", dash=(6, 1.6, 1, 1.6), marker="^")
    assert styles.style_activation("swishy", 1).dash != styles.style_activation("swishy").dash


def test_the_page_is_given_the_very_table(client: TestClient) -> None:
    table = client.get("/static/looks.json").json()
    assert table["activations"] == [*catalog.ACTIVATIONS]
    assert [tuple(dash) for dash in table["dashes"]] == [*styles.DASHES]
    assert table["markers"] == [*styles.MARKERS.values()]
    light, dark, *_ = client.get("/static/looks.css").text.splitlines()
    for number, pair in enumerate(styles.COLORS.values()):
        assert f"--look-{number}: {pair[0]};" in light
        assert f"--look-{number}: {pair[1]};" in dark
    assert "static/looks.css" in client.get("/").text


@pytest.mark.parametrize("file", ["looks.css", "looks.json", "figures.json"])
def test_the_table_is_sent_only_when_it_changed(client: TestClient, file: str) -> None:
    first = client.get(f"/static/{file}")
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(f"/static/{file}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
