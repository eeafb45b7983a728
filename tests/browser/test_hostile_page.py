"""Pages of another site in the visitor's browser: another port of this machine, and a name that points at it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from starlette.responses import HTMLResponse

from bench.browser import REBOUND
from tests.browser.canned import Canned
from tests.browser.tab import SECONDS
from tests.support.serving import serve

FORM = """([url, policy]) => {
    const form = Object.assign(document.createElement("form"), {method: "POST", action: url});
    document.head.innerHTML = `<meta name="referrer" content="${policy}">`;
    document.body.append(form);
    form.submit();
}"""
SANDBOXED = """url => new Promise(loaded => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-forms allow-scripts";
    const submit = "onmessage = () => document.forms[0].submit()";
    frame.srcdoc = `<form method="POST" action="${url}"></form><script>${submit}</script>`;
    frame.onload = () => loaded();
    document.body.append(frame);
})"""
SUBMIT = "() => frames[0].postMessage('', '*')"
"""Only once the frame is loaded: it has a process of its own, whose first requests may go unseen."""
BEACON = "url => navigator.sendBeacon(url, new Blob(['{}'], {type: 'text/plain'}))"
BLIND = "url => fetch(url, {method: 'POST', mode: 'no-cors', body: '{}'}).then(answer => answer.type)"
ASKING = "([url, method]) => fetch(url, {method}).then(() => 'read', () => 'refused')"


@pytest.fixture(params=["127.0.0.1", REBOUND])
def hostile(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a server that is not ours; from the first, the service is same-site, from the second it is not."""
    with serve(HTMLResponse("<body></body>")) as url:
        context = browser.new_context()
        context.set_default_timeout(SECONDS * 1000)
        page = context.new_page()
        page.goto(f"http://{request.param}:{urlsplit(url).port}/")
        yield page
        context.close()


def test_a_hostile_page_cancels_and_deletes_nothing(hostile: Page, lab: Canned) -> None:
    job_id = lab.job()
    job = f"{str(lab.http.base_url).rstrip('/')}/v1/jobs/{job_id}"
    before = lab.http.get(job).json()
    assert hostile.evaluate(BLIND, f"{job}/cancel") == "opaque"
    assert hostile.evaluate(BEACON, f"{job}/cancel")
    hostile.evaluate(SANDBOXED, f"{job}/cancel")
    with hostile.expect_response(f"{job}/cancel") as answered:
        hostile.evaluate(SUBMIT)
    assert answered.value.status == 403
    for method in ("DELETE", "PATCH"):
        assert hostile.evaluate(ASKING, [job, method]) == "refused"
    start = hostile.url
    for policy in ("unsafe-url", "no-referrer"):
        hostile.goto(start)
        with hostile.expect_navigation() as shown:
            hostile.evaluate(FORM, [f"{job}/cancel", policy])
        assert shown.value.status == 403
    assert lab.http.get(job).json() == before


def test_a_hostile_page_submits_and_reads_nothing(hostile: Page, lab: Canned) -> None:
    jobs = f"{str(lab.http.base_url).rstrip('/')}/v1/jobs"
    before = lab.http.get(jobs).json()
    assert hostile.evaluate(BLIND, jobs) == "opaque"
    for method in ("GET", "POST"):
        assert hostile.evaluate(ASKING, [jobs, method]) == "refused"
    assert lab.http.get(jobs).json() == before


@pytest.mark.parametrize("path", ["/", "/v1/jobs", "/metrics", "/docs"])
def test_a_name_that_points_here_shows_nothing(browser: Browser, lab: Canned, path: str) -> None:
    """DNS rebinding: to the browser the page and the service are one site."""
    page = browser.new_page()
    shown = page.goto(f"http://{REBOUND}:{lab.http.base_url.port}{path}")
    assert shown is not None
    assert shown.status == 421
    page.close()


def test_the_service_s_own_page_may_cancel(browser: Browser, lab: Canned) -> None:
    job_id = lab.job()
    page = browser.new_page()
    page.goto(str(lab.http.base_url))
    assert page.evaluate(ASKING, [f"v1/jobs/{job_id}/cancel", "POST"]) == "read"
    assert lab.http.get(f"/v1/jobs/{job_id}").json()["state"] == "cancelled"
    page.close()
