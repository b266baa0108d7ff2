"""A slice of the nonsense that `python -m tests.fuzz` sends, on a stack of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fuzz import fuzz
from tests.live.stack import THREE_ROOMS, bring_up

SENT = 60


def test_all_nonsense_is_answered_or_recorded(tmp_path: Path) -> None:
    """Documents and messages of every malformed sort: nothing hangs, no traceback, no failed task."""
    live = bring_up(tmp_path, THREE_ROOMS, speed=40.0)
    try:
        tally = asyncio.run(fuzz(live, SENT, seed=7))
    finally:
        live.stack.down()
    assert not tally.wrong
    assert sum(tally.ends.values()) == SENT
    assert {"failed in a sentence", "refused in a sentence", "taken or recorded"} <= set(tally.ends)
