"""How the process uses memory, and what running out of it is called."""

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

    Left alone it hands every large block back to the kernel, which then clears each page anew: a third of a
    training step. The price is that the process never shrinks.
    """
    with contextlib.suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextlib.contextmanager
def exhaustion_named() -> Iterator[None]:
    """Turn what torch raises when an allocation fails into GpuOutOfMemory or HostOutOfMemory."""
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
