"""Finding our own earlier request in the cloud, so that whatever dies, nothing is asked for twice.

Nova takes no idempotency key. What it does keep is who asked what of a server and when
(os-instance-actions). A server does one move at a time, so only our newest request can be the one of this
action: it is, if it came after this action was first scheduled and its migration leaves our source. An
attempt notes what there was before it asks; where that note got lost, the clocks decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from activities.door import Door, Watch
from activities.observe.nova import Migration, Request

# How Nova calls the requests that move a server, and the records that follow from them.
_REQUESTS = {"live": "live-migration", "cold": "migrate", "resize": "resize"}
_RECORDS = {"live": "live-migration", "cold": "migration", "resize": "resize"}
# Between the clocks of Nova's own processes, and for the whole seconds of an HTTP date.
_SKEW = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Before:
    """What there was just before we asked: whatever is newer is ours. Empty and 0 where there was nothing."""

    request: str
    record: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Our request, with its migration record as soon as there is one."""

    request: Request
    record: Migration | None


def before(door: Door, instance: str) -> Before:
    """Taken right before a POST."""
    moves, records = _moves(door, instance), door.migrations(instance)
    return Before(moves[0].id if moves else "", records[0].id if records else 0)


def hinted(watch: Watch) -> Before | None:
    """What an earlier attempt noted before it asked, if its last sign of life arrived."""
    hint = watch.hint
    return Before(str(hint["before"]), int(hint["record_before"])) if "before" in hint else None


def has_asked(watch: Watch) -> bool:
    """Whether an earlier attempt is known to have come as far as its POST."""
    return bool(watch.hint.get("phase", "looking") != "looking")


def noted(known: Before | None) -> dict[str, Any]:
    """The heartbeat details that `hinted` reads."""
    return {"before": known.request, "record_before": known.record} if known is not None else {}


def find(
    door: Door,
    watch: Watch,
    *,
    instance: str,
    source: str | None,
    kind: str,
    known: Before | None,
    dest: str | None = None,
) -> Asked | None:
    """Our request for this action, if there was one; by `known` if we have it, otherwise by the clock.

    With `dest` a move to another host is another plan's: for whoever does not know that he has asked. Without
    `source` it is ours from wherever it began.
    """
    moves = _moves(door, instance)
    request = moves[0] if moves else None
    if request is None or request.action != _REQUESTS[kind]:
        return None
    if known is not None and request.id == known.request:
        return None
    # Without a note of what there was, only a later attempt has a predecessor whose request this can be.
    if known is None and (watch.attempt == 1 or request.started < horizon(watch, door.reader.clock())):
        return None
    record = _record(door.migrations(instance), _RECORDS[kind], moves, known)
    if record is not None and source is not None and record.source != source:
        return None
    if record is not None and dest is not None and record.dest not in (None, dest):
        return None
    return Asked(request, record)


def _moves(door: Door, instance: str) -> list[Request]:
    """The moves that we asked of this server, for whatever action, newest first."""
    user = door.user
    return [r for r in door.requests(instance) if r.user == user and r.action in _REQUESTS.values()]


def _record(
    migrations: Sequence[Migration], kind: str, moves: list[Request], known: Before | None
) -> Migration | None:
    """The migration that follows from the newest request; it appears a moment after the 202.

    What is older than the newest record of any kind that there was before is not ours, whatever its kind.
    """
    if known is not None:
        newer = takewhile(lambda m: m.id != known.record, migrations)
        return next((m for m in newer if m.kind == kind), None)
    records = [m for m in migrations if m.kind == kind]
    if not records:
        return None
    asked = moves[0].started
    crowded = len(moves) > 1 and asked - moves[1].started < 2 * _SKEW
    return records[0] if records[0].created >= asked - (timedelta(0) if crowded else _SKEW) else None


def horizon(watch: Watch, theirs: datetime | None) -> datetime:
    """The earliest moment, by the cloud's clock, at which an attempt of this action can have asked.

    The cloud's clock is compared with ours by the date of its answers; where they differ the earlier is
    assumed, and some skew: another move taken for ours is a wrong report, ours overlooked a second move.
    """
    ahead = theirs - watch.now() if theirs is not None else timedelta(0)
    return min(watch.since, watch.since + ahead) - _SKEW
