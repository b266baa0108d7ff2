"""A Temporal dev server by itself, for benches that bring their own worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.stack import USUAL, Stack, stop
from deploy.loopback import choosing, free_ports


@contextmanager
def temporal() -> Iterator[Stack]:
    """The stack of which nothing else runs, in a directory that goes with it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        stack = Stack(Path(directory))
        try:
            with choosing():
                stack.ports = free_ports(USUAL)
                stack.start_temporal()
                stack.await_temporal()
            yield stack
        finally:
            stop(stack.directory / "temporal.pid")
