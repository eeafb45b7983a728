"""The list of jobs."""

import re

import pytest
from starlette.testclient import TestClient

from tests.support.submitting import post_job


def test_jobs_are_listed_page_by_page(client: TestClient) -> None:
    ids = [post_job(client)["id"] for _ in range(5)]
    found, cursor = [], ""
    while cursor is not None:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/jobs", params=query).json()
        found += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
    assert found == ids[::-1]


def test_jobs_are_found_by_state_activation_and_metadata(client: TestClient) -> None:
    mine = post_job(client, activation="gelu", metadata={"who": "me"})["id"]
    post_job(client, activation="gelu", metadata={"who": "you"})
    post_job(client)
    found = client.get("/v1/jobs", params={"activation": "gelu", "state": "queued", "metadata[who]": "me"}).json()
    assert [job["id"] for job in found["data"]] == [mine]


def test_jobs_are_found_by_all_of_their_metadata(client: TestClient) -> None:
    metadata = {f"key{number}": str(number) for number in range(16)}
    mine = post_job(client, metadata=metadata)["id"]
    post_job(client, metadata=metadata | {"key3": "4"})
    found = client.get("/v1/jobs", params={f"metadata[{key}]": value for key, value in metadata.items()}).json()
    assert ([job["id"] for job in found["data"]], found["total"]) == ([mine], 1)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422),
        ("limit=201", 422),
        ("sort=name", 422),
        ("state=lost", 422),
        ("colour=red", 422),
        ("cursor=x", 400),
        ("&".join(f"metadata[{number}]=1" for number in range(17)), 422),
        ("&".join(["state=queued"] * 65), 422),
        ("&".join(["activation=relu"] * 65), 422),
    ],
)
def test_a_bad_listing_is_refused(client: TestClient, query: str, status: int) -> None:
    response = client.get(f"/v1/jobs?{query}")
    assert response.status_code == status
    assert re.split(r"[=\[]", query)[0] in response.text
