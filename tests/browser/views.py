"""Every view of the page, as tests and pictures name them."""

from collections.abc import Mapping

HEADINGS: Mapping[str, str] = {
    "explore": "Explore",
    "define": "Define",
    "depth": "Depth",
    "train": "Train",
    "train-sweep": "Train",
    "jobs": "Jobs",
    "job": "relu",
    "sweeps": "Sweeps",
    "sweep": "Sweep",
    "compare": "Compare",
    "draw": "Draw",
}


def routes(*, job_id: str, sweep_id: str, job_ids: list[str]) -> Mapping[str, str]:
    """The deep link of each view."""
    return {
        "explore": "#/explore?names=relu,gelu",
        "define": "#/define?formula=x*sigmoid(b*x)&parameters=b:1:0:10",
        "depth": "#/depth?activation=sigmoid&depth=20",
        "train": "#/train",
        "train-sweep": "#/train/sweep",
        "jobs": "#/jobs",
        "job": f"#/jobs/{job_id}",
        "sweeps": "#/sweeps",
        "sweep": f"#/sweeps/{sweep_id}",
        "compare": f"#/compare?jobs={','.join(job_ids)}&metric=val_loss&x=epoch",
        "draw": f"#/draw?job={job_id}",
    }
