"""`make pictures`: screenshots of the page for the README, while a stack of its own trains a sweep."""

import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, ViewportSize

from bench.browser import find_browser, launch_browser
from cli.client import JSON, Client
from runtime.settings import Settings
from stack.demo import isolate
from stack.up import Stack, run_stack

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZE: ViewportSize = {"width": 1200, "height": 1000}
SIZE_OF_A_JOB: ViewportSize = {"width": 1200, "height": 1640}  # down to its layers
PIXELS_A_POINT = 1.5
COLORS = 256  # of a picture: enough for lines and letters, at a third of the size
SECONDS = 120
SETTLED_AFTER_MS = 1000

SWEEP = {"base": {"epochs": 6, "train_samples": 1500, "validation": {"kind": "holdout", "fraction": 0.02}}}
EPOCHS_WHEN_TAKEN = 2  # of the last job: every curve is there, and one still grows
SHOWN_JOB = "selu"


def main() -> None:
    if find_browser() is None:
        sys.exit("no chromium on the PATH: apt-get install chromium")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="activation-lab-") as folder,
        (Path(folder) / "stack.log").open("w") as log,
        run_stack(isolate(Settings(), Path(folder)), host="127.0.0.1", port=0, log_to=log) as stack,
    ):
        stack.supervise_during(lambda: take_all(stack))


def take_all(stack: Stack) -> None:
    with closing(Client(stack.url)) as client, launch_browser() as browser:
        take = partial(take_in_each_theme, browser, stack.url)
        sweep = client.submit_sweep(SWEEP)
        take("explore", "#/explore?names=relu,gelu,selu", "value")
        take("define", "#/define?formula=x*sigmoid(b*x)&parameters=b:1.5:0:10&name=swishy&title=Swish", "value")
        take("depth", "#/depth?activation=sigmoid,relu,selu&depth=30", "gradient_norm")
        jobs = {job["spec"]["activation"]: job["id"] for job in client.list_jobs(filters={"sweep_id": sweep["id"]})}
        wait_until(
            lambda: all(job["progress"]["epoch"] >= EPOCHS_WHEN_TAKEN for job in read_jobs(client, jobs.values()))
        )
        take("sweep", f"#/sweeps/{sweep['id']}", "val_accuracy")
        wait_until(lambda: all(job["finished_at"] for job in read_jobs(client, jobs.values())))
        take("job", f"#/jobs/{jobs[SHOWN_JOB]}", "gradient_norm", size=SIZE_OF_A_JOB)


def take_in_each_theme(
    browser: Browser, url: str, name: str, route: str, metric: str, *, size: ViewportSize = SIZE
) -> None:
    """Take the view once its chart of this metric is drawn."""
    for theme in THEMES:
        context = browser.new_context(
            viewport=size, device_scale_factor=PIXELS_A_POINT, color_scheme=theme, reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto(f"{url}/{route}")
        page.locator(f'[data-chart="{metric}"] .main-svg').first.wait_for(timeout=SECONDS * 1000)
        page.wait_for_timeout(SETTLED_AFTER_MS)
        write(page.screenshot(), FOLDER / f"{name}-{theme}.png")
        context.close()


def write(screenshot: bytes, path: Path) -> None:
    Image.open(BytesIO(screenshot)).convert("RGB").quantize(COLORS).save(path, optimize=True)
    print(f"wrote {path} ({path.stat().st_size / 1000:.0f} kB)")


def read_jobs(client: Client, job_ids: Iterable[str]) -> list[JSON]:
    return [client.get(job_id) for job_id in job_ids]


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        sleep(0.2)


if __name__ == "__main__":
    main()
