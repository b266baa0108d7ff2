"""When a fault strikes: four moments of an action's life, told by what the cloud was asked so far."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.faults.kinds import Kind


class Moment(StrEnum):
    BEFORE = "before do"
    DURING = "during do"
    AFTER = "after do, unrecorded"
    UNDO = "during undo"


@dataclass(frozen=True)
class Trap:
    """The requests that a fault waits for: reads or a write, after so many accepted changes of the thing."""

    name: str
    reads: bool
    writes: int
    busy: bool | None = None
    path: str | None = None  # of servers only; a service has but one

    def conditions(self, thing: dict[str, Any]) -> dict[str, Any]:
        """As the simulator's faults put it. A write is a POST or, of a service, a PUT."""
        method = "GET" if self.reads else "PUT" if "host" in thing else "POST"
        about = {"path": self.path, **thing} if self.path and "instance" in thing else thing
        return {**about, "method": method, "writes": self.writes, "busy": self.busy}


def traps(kind: Kind, moment: Moment) -> tuple[Trap, ...]:
    """The ways to hit a moment; the runs of a cell take them in turn."""
    match moment:
        case Moment.BEFORE:
            paths = (r"/os-instance-actions$", r"/servers/[^/]+$", None) if kind.goes_on else (None,)
            return tuple(Trap("looking", True, 0, path=path) for path in paths)
        case Moment.DURING:
            return _doing(kind, 0)
        case Moment.AFTER:
            return _done(kind, 0)
        case Moment.UNDO:
            return _doing(kind, kind.writes) + _done(kind, kind.writes)


def _doing(kind: Kind, begun: int) -> tuple[Trap, ...]:
    asking = Trap("asking", False, begun)
    return (asking, Trap("moving", True, begun + 1, busy=True)) if kind.goes_on else (asking,)


def _done(kind: Kind, begun: int) -> tuple[Trap, ...]:
    """What takes more than one change rests before each of the others."""
    resting = [Trap("resting", False, begun + n, busy=False) for n in range(1, kind.writes)]
    return (*resting, Trap("ended", True, begun + kind.writes, busy=False))
