"""When each action of a plan runs, by the executor's own state machine, and in which slot of which host."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from plan_schemas.plan import Action, ActionState, Plan
from workflows.progress import Progress

OUT, IN, SWITCH, OTHER = "out", "in", "switch", "other"


@dataclass(frozen=True, slots=True)
class Moment:
    """One action on the timeline, in seconds from the start."""

    action: Action
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One slot of a host: what leaves it, or what comes, one after the other."""

    host: str
    way: str
    slot: int
    moments: tuple[Moment, ...]


def timeline(plan: Plan) -> tuple[Moment, ...]:
    """Every action that would start, with durations as expected: no windows, no other plans, no failures."""
    progress, now = Progress(plan), 0.0
    progress.consent.give_all()
    order = {a.id: n for n, a in enumerate(plan.actions)}
    running: list[tuple[float, int, str]] = []
    started: dict[str, float] = {}
    found: list[Moment] = []
    while True:
        for id in progress.startable():
            started[id] = now
            heapq.heappush(running, (now + progress.actions[id].seconds, order[id], id))
        if not running:
            return tuple(sorted(found, key=lambda m: (m.start, order[m.action.id])))
        now, _, id = heapq.heappop(running)
        progress.finish(id, ActionState.SUCCEEDED)
        found.append(Moment(progress.actions[id], started[id], now))


def lanes(moments: Iterable[Moment]) -> tuple[Lane, ...]:
    """Per host, by name: its switches, each slot out, each slot in; last what has no host."""
    rows: dict[tuple[str, int, str], list[list[Moment]]] = {}
    for moment in moments:
        touches = moment.action.touches
        for rank, way, host in ((0, SWITCH, touches.service), (1, OUT, touches.out), (2, IN, touches.into)):
            if host is not None:
                _put(rows.setdefault((host, rank, way), []), moment)
        if touches.out is None and touches.into is None and touches.service is None:
            _put(rows.setdefault(("", 3, OTHER), []), moment)
    return tuple(
        Lane(host, way, slot + 1, tuple(here))
        for (host, _, way), slots in sorted(rows.items(), key=lambda row: (not row[0][0], row[0]))
        for slot, here in enumerate(slots)
    )


def _put(slots: list[list[Moment]], moment: Moment) -> None:
    """Into the first slot that is free by then."""
    for slot in slots:
        if slot[-1].end <= moment.start + 1e-9:
            slot.append(moment)
            return
    slots.append([moment])


def ticks(seconds: float, most: int = 8) -> tuple[float, ...]:
    """Round times from 0 on, not more than `most`."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
    step = next((s for s in steps if seconds / s <= most), 86400 * ceil(seconds / 86400 / most))
    return tuple(float(n * step) for n in range(int(seconds // step) + 1))


def clock(seconds: float) -> str:
    """Such as `23 s`, `4 min 10 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.0f} s" if seconds >= 10 or seconds == whole else f"{seconds:.1f} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(whole / 60), 60)
    return f"{hours} h {rest:02d} min" if rest else f"{hours} h"
