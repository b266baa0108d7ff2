"""What goes wrong: troubles of the API that the simulator makes, and processes that are killed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.faults.kinds import Kind
from tests.faults.moments import Moment, Trap, traps

HEARTBEAT = 3.0  # seconds until Temporal gives a dead worker's action to another one
PATIENT = 10.0  # where several actions are brought to their moments before one kill
HELD = 60.0  # seconds that a request is held at most
_BURST = (503, 500, 502, 504)


@dataclass(frozen=True)
class Trouble:
    """A row of the matrix."""

    name: str
    victim: str | None = None  # the process that is killed
    moments: tuple[Moment, ...] = tuple(Moment)
    writes_only: bool = False
    burst: bool = False  # after the kill, while the undo is taken up again

    def traps(self, kind: Kind, moment: Moment) -> tuple[Trap, ...]:
        """The ways in which it can hit that moment; none where the cell does not apply."""
        if moment not in self.moments:
            return ()
        return tuple(trap for trap in traps(kind, moment) if not (self.writes_only and trap.reads))

    def effect(self, trap: Trap, nth: int) -> dict[str, Any]:
        """What a fault does there. Nowhere more often than an action of the matrix is tried again."""
        if self.victim is not None:
            return {"effect": "hold" if trap.reads else "hold_reply", "seconds": HELD, "count": 1}
        return _OF_THE_API[self.name](trap.reads, nth)


def _drop(reads: bool, _nth: int) -> dict[str, Any]:
    return {"effect": "drop_reply", "count": 3 if reads else 1}


def _burst(reads: bool, nth: int) -> dict[str, Any]:
    return {"effect": "status", "status": _BURST[nth % len(_BURST)], "count": 6 if reads else 2}


def _conflict(_reads: bool, _nth: int) -> dict[str, Any]:
    return {"effect": "status", "status": 409, "count": 2}


def _limit(reads: bool, _nth: int) -> dict[str, Any]:
    return {"effect": "status", "status": 429, "retry_after": 1, "count": 4 if reads else 2}


def _slow(reads: bool, nth: int) -> dict[str, Any]:
    """Slower than the heartbeat allows; a write also before it takes effect, then just within it."""
    if reads:
        return {"effect": "latency", "seconds": 1.3 * HEARTBEAT, "count": 2}
    if nth % 2:
        return {"effect": "latency", "seconds": 0.6 * HEARTBEAT, "count": 1}
    return {"effect": "delay_reply", "seconds": 1.3 * HEARTBEAT, "count": 1}


def _revoke(_reads: bool, _nth: int) -> dict[str, Any]:
    return {"effect": "token_revoked", "count": 2}


_OF_THE_API = {
    "drop replies": _drop,
    "5xx burst": _burst,
    "409": _conflict,
    "429": _limit,
    "slow API": _slow,
    "token revoked": _revoke,
}
TROUBLES = (
    Trouble("kill worker", "worker"),
    Trouble("kill Temporal", "temporal"),
    Trouble("kill simulator", "simcloud"),
    *(Trouble(name, writes_only=name == "409") for name in _OF_THE_API),
    Trouble("kill worker + 5xx", "worker", (Moment.UNDO,), burst=True),
)
