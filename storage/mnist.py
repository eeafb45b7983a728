"""The four archives of MNIST, and what is known of them without reading images."""

from collections.abc import Sequence
from pathlib import Path

from jobs.errors import DataMissing

# data/README.md says where the archives come from.
ARCHIVES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""Their digests, as they were published."""


def find_archives(mnist_dir: Path) -> Sequence[Path]:
    """Find the archives below the folder, which holds `MNIST/raw`; their content is not read. Raises DataMissing."""
    archives = [mnist_dir / "MNIST" / "raw" / name for name in ARCHIVES]
    for archive in archives:
        if not archive.is_file():
            raise DataMissing(f"{archive} is missing; MNIST_DIR must be the folder that holds MNIST/raw")
    return archives
