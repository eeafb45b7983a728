"""Checkpoint files, wherever fsspec reaches; SQL knows which there are."""

import fsspec


def delete(url: str) -> None:
    """Delete the file; that it is gone already is as good.

    Raises:
        OSError: it is still there.
    """
    filesystem, path = fsspec.core.url_to_fs(url)
    try:
        filesystem.rm_file(path)
    except FileNotFoundError:
        return
