"""A log that several processes append to, kept from growing without end."""

import os
import shutil
from pathlib import Path

LARGEST_BYTES = 64_000_000
LONGEST_LINE_BYTES = 1_000_000


def keep_short(path: Path, largest_bytes: int = LARGEST_BYTES) -> None:
    """Once it is too long, what it holds goes to `NAME.1`, in place of what was there, and it begins anew.

    It is copied and cut, not renamed: every writer holds it open, for appending, and goes on at its new end. A line
    that is written meanwhile is lost as a whole. On a full disk the log gives way without a copy.
    """
    if not path.is_file() or path.stat().st_size <= largest_bytes:
        return
    copy = path.with_name(f"{path.name}.1")
    try:
        shutil.copyfile(path, copy)
        end_with_a_whole_line(copy)
    except OSError:
        copy.unlink(missing_ok=True)
    os.truncate(path, 0)


def end_with_a_whole_line(path: Path) -> None:
    """Cut off the beginning of a line that was written while the file was copied: a reader may see half of a write."""
    with path.open("rb+") as file:
        start = max(0, file.seek(0, os.SEEK_END) - LONGEST_LINE_BYTES)
        file.seek(start)
        newline = file.read().rfind(b"\n")
        if newline >= 0:
            file.truncate(start + newline + 1)
