"""A plan's windows: when its actions may start, and until when it waits otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from plan_schemas.windows import Window
from workflows import calls

SHORTEST = timedelta(seconds=0.1)  # a timer may fire a moment before its time


class Hours:
    """Tells `show(why closed)` whenever a window opens or closes. Time zones are the activity's business."""

    def __init__(self, groups: tuple[tuple[Window, ...], ...], show: Callable[[str], None]) -> None:
        self._groups, self._show = groups, show

    async def keep(self) -> None:
        """For ever; without windows everything is always open."""
        while self._groups:
            spans = await calls.openings(self._groups)
            if not spans["open"]:
                self._show(f"no window opens before {spans['until']}")
            for opens, closes in spans["open"]:
                if workflow.now() < datetime.fromisoformat(opens):
                    self._show(f"the next window opens at {opens}")
                    await _sleep_until(opens, "until the window opens")
                self._show("")
                await _sleep_until(closes, "until the window closes")
                if closes != spans["until"]:
                    self._show(f"no window opens before {spans['until']}")
            await _sleep_until(spans["until"], "until the next windows are known")


async def _sleep_until(moment: str, why: str) -> None:
    left = datetime.fromisoformat(moment) - workflow.now()
    if left > timedelta(0):
        await workflow.sleep(left + SHORTEST, summary=why)
