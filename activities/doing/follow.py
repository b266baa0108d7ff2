"""Watching one migration until its record has ended and its server has settled; 202 only began it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from activities.doing import stall, trace
from activities.doing.trace import Asked, Before
from activities.door import Busy, Door, Failed, Gone, Stopped, Watch
from activities.observe.nova import Migration, Progress, Request, Server
from activities.rights import Denied

# Seconds. A look costs Nova little, and a late one costs the plan a slot: looks are rare in the middle of a
# move and frequent around its expected end.
_SHORTEST, _LONGEST = 0.5, 5.0
_UNRECORDED = 60.0  # how long a request may go without a record
_UNSETTLED = 120.0  # how long a server may stay busy after its record has ended
_CLEANING = 900.0  # how long the source may clean up: on a busy cloud minutes after the server has settled
_PATIENCE = 60.0  # at least so long without a byte, and never less than the whole move was to take
_SURE = 2.0  # how long a server must look the same after a bad end: Nova writes the record before the server
_ABORTABLE = frozenset({"queued", "preparing", "running"})
_BAD = frozenset({"error", "failed"})


@dataclass
class Follow:
    """One migration under our eyes."""

    door: Door
    watch: Watch
    instance: str
    source: str
    kind: str
    asked: Asked
    known: Before | None
    expected: float  # seconds
    abort_wanted: str | None = None  # "asked" | "stalled"
    aborted: bool = False  # or asked for in vain
    abort_denied: str = ""
    _seen: tuple[Any, ...] = ()
    _changed: datetime | None = None
    _ended: datetime | None = None
    _rest: tuple[str, str | None] | None = None  # status and host of the server after a bad end
    _rested: datetime | None = None  # since when they are so
    begun: datetime = field(init=False)  # of this watching; an earlier attempt may have asked

    def __post_init__(self) -> None:
        self.begun = self.watch.now()

    @property
    def request(self) -> Request:
        return self.asked.request

    def until(self, rests: frozenset[str] = frozenset()) -> tuple[Migration, Server]:
        """Wait for a record that has ended, or rests in one of the statuses, with a server that has settled.

        Raises Failed when nothing becomes of it, Stopped(leave) when told to let go.
        """
        while True:
            record = self._record()
            if record is not None and (record.ended or record.status in rests):
                server = self.door.server(self.instance)
                if self._settled(record, server):
                    return record, server
                self._busy_after_end(record, server)
            elif record is None:
                self._unrecorded()
            progress = self._progress(record)
            self._judge_progress(record, progress)
            self._abort_if_wanted(record)
            self._wait(record, progress)

    def _settled(self, record: Migration, server: Server) -> bool:
        """Whether the server has come to rest as well."""
        if server.task_state is not None or (server.status in stall.MOVING and record.ended):
            return False
        if record.status not in _BAD:
            return True
        now, rest = self.watch.now(), (server.status, server.host)
        if rest != self._rest or self._rested is None:
            self._rest, self._rested = rest, now
        return (now - self._rested).total_seconds() >= _SURE

    def _record(self) -> Migration | None:
        if self.asked.record is not None:
            id = self.asked.record.id
            return next((m for m in self.door.migrations(self.instance) if m.id == id), None)
        found = trace.find(
            self.door,
            self.watch,
            instance=self.instance,
            source=self.source,
            kind=self.kind,
            known=self.known,
        )
        self.asked = found or self.asked
        return self.asked.record

    def _progress(self, record: Migration | None) -> Progress | None:
        if record is None or record.ended or self.kind != "live":
            return None
        try:
            return next((p for p in self.door.progress(self.instance) if p.id == record.id), None)
        except Gone:
            return None

    def _unrecorded(self) -> None:
        """A request that left no record: it failed before, or is still on its way."""
        if self._age() < _UNRECORDED:
            return
        server = self.door.server(self.instance)
        why = failure(self.door, self.instance, self.request)
        said = f" ({why})" if why else ""
        raise Failed(
            f"Nova accepted the move and made no migration record of it in {_UNRECORDED:.0f} s{said}; "
            f"the server is {server.status} on {server.host}",
            "look at nova-conductor and at the message bus",
            kind="migration",
        )

    def _busy_after_end(self, record: Migration, server: Server) -> None:
        """Nova may end a record and leave the server in its task: a person must look then."""
        self._ended = self._ended or self.watch.now()
        if (self.watch.now() - self._ended).total_seconds() > _UNSETTLED:
            why = failure(self.door, self.instance, self.request)
            said = f" ({why})" if why else ""
            raise Failed(
                f"migration {record.id} ended as {record.status}{said}, and {_UNSETTLED:.0f} s later the "
                f"server is still {server.status} on {server.host} with task {server.task_state}",
                f"look at nova-compute on {record.source} and {record.dest}; where the guest runs well: "
                f"openstack server set --state active {self.instance}",
                kind="migration",
            )

    def _judge_progress(self, record: Migration | None, progress: Progress | None) -> None:
        """Give up for want of progress, never for want of time: a queue or a big guest may take its while."""
        now = self.watch.now()
        seen = (record and record.status, progress and (progress.processed, progress.remaining))
        if record is None or seen != self._seen or record.ended:
            self._seen, self._changed = seen, now
            return
        idle = (now - (self._changed or now)).total_seconds()
        if idle <= max(_PATIENCE, self.expected):
            return
        silent = stall.silent(self.door, self.source, record.dest)
        server = self.door.server(self.instance)
        if stall.at_rest(server) and server.host == record.dest and not silent and idle <= _CLEANING:
            return
        if stall.at_rest(server) or self._is_hopeless(record, silent):
            raise stall.failure(record, server, silent, idle, aborted=self.aborted)
        self._changed = now
        if self.kind == "live" and record.status != "queued":
            self.abort_wanted = self.abort_wanted or "stalled"

    def _is_hopeless(self, record: Migration, silent: tuple[str, ...]) -> bool:
        """Only the source can abort. A cold move shows no progress: it stands when a host of it is away."""
        if self.kind != "live":
            return bool(silent)
        return self.source in silent or (self.abort_wanted is not None and record.status != "queued")

    def _abort_if_wanted(self, record: Migration | None) -> None:
        """Live migrations only; a cold one is taken back by a revert when it rests."""
        if self.abort_wanted is None or self.aborted or self.kind != "live":
            return
        if record is None or record.status not in _ABORTABLE:
            return
        try:
            with self.watch.writing():
                self.door.abort(self.instance, record.id)
            self.aborted, self._changed = True, self.watch.now()
        except Denied as why:
            self.aborted, self.abort_denied = True, str(why)  # once is enough; the move goes on to its end
        except (Busy, Failed, Gone):
            # It has just passed the point where that is possible; its end will tell.
            return

    def _wait(self, record: Migration | None, progress: Progress | None) -> None:
        self.watch.heartbeat(self._details(record, progress))
        try:
            self.watch.sleep(self._pace())
        except Stopped as stop:
            if stop.kind != "abort":
                raise
            self.abort_wanted = "asked"

    def _pace(self) -> float:
        """Tight at the start, where refusals show, and towards the expected end; loose in between."""
        if self.aborted or self.asked.record is None or self._ended is not None:
            return _SHORTEST
        age = self._age()
        return min(_LONGEST, max(_SHORTEST, min(age, abs(self.expected - age) / 4)))

    def _age(self) -> float:
        return (self.watch.now() - self.begun).total_seconds()

    def _details(self, record: Migration | None, progress: Progress | None) -> dict[str, Any]:
        details: dict[str, Any] = {
            "phase": record.status if record else "accepted",
            "request": self.request.id,
            **trace.noted(self.known),
        }
        if record is not None:
            details["migration"] = record.id
        if self.abort_denied:
            details["abort_denied"] = self.abort_denied
        if progress is not None and progress.total:
            details["percent"] = round(100 * (progress.processed or 0) / progress.total)
            details["remaining_mb"] = round((progress.remaining or 0) / 2**20)
        return details


def failure(door: Door, instance: str, request: Request) -> str:
    """Nova's own words for what went wrong with a request; empty if it has none."""
    try:
        events = door.request(instance, request.id).events or ()
    except Gone:
        return ""
    told = [f"{e.name}: {e.details}" for e in events if e.result == "Error" and e.details]
    return "; ".join(dict.fromkeys(" ".join(line.split()) for line in told))[:600]
