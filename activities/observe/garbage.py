"""Python's cycle collector while a picture is read."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_USUAL = gc.get_threshold()
_SELDOM = (200_000, *_USUAL[1:])  # objects that came and stayed between two searches


@contextmanager
def gc_seldom() -> Iterator[None]:
    """Cycles are looked for seldom while the block runs: rows by the hundred thousand come and have none.

    The searches walk the rows read so far, which was a tenth of a whole collection. It holds for the whole
    process until any such block ends. Never switched off: a thread that Temporal cancels may be torn from
    here at any moment, and what it leaves must do no harm.
    """
    try:
        gc.set_threshold(*_SELDOM)
        yield
    finally:
        gc.set_threshold(*_USUAL)
