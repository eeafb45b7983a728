"""The memory of the process: freed blocks are kept, and exhaustion has an error of its own."""

import contextlib
import ctypes
import functools
from collections.abc import Iterator

import torch

from jobs.errors import GpuOutOfMemory, HostOutOfMemory

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h


@functools.cache
def keep_freed_memory() -> None:
    """Tell glibc to keep freed blocks for the next batch.

    By default it returns every large block to the kernel, which clears each page again: a third of a training step.
    In exchange the process never shrinks.
    """
    with contextlib.suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextlib.contextmanager
def name_exhaustion() -> Iterator[None]:
    """Turn torch's errors of a failed allocation into GpuOutOfMemory or HostOutOfMemory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise GpuOutOfMemory from error
    except MemoryError as error:
        raise HostOutOfMemory from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # c10/core/impl/alloc_cpu.cpp has no class for it
            raise
        raise HostOutOfMemory from error
