"""Python's cycle collector, held while a picture is read."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ONE = threading.Lock()  # what is found and what is set belong together, whoever else ends a pause


@contextmanager
def gc_paused() -> Iterator[None]:
    """No search for cycles while the block runs: rows by the hundred thousand come and have none.

    Every search would walk all rows read so far, which was a tenth of a whole collection. What has no cycle
    is freed as ever. Pauses may overlap, in any order: whoever found the collector running starts it again.
    """
    with _ONE:
        running = gc.isenabled()
        gc.disable()
    try:
        yield
    finally:
        if running:
            with _ONE:
                gc.enable()
