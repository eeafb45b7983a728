"""Python's garbage collection while a process starts."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def postpone_collection() -> Iterator[None]:
    """Collect no garbage inside the block, and never look again at what is left after it.

    Of what is imported nothing is garbage, and looking for some takes a seventh of an import of FastAPI or torch.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
