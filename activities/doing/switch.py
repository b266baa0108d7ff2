"""Switching a server off or on: asked for exactly once, believed only when the server rests as wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.doing import stall, trace
from activities.doing.asking import ask, judge_conflict
from activities.doing.follow import failure
from activities.door import Door, Failed, Stopped, Watch
from activities.observe.nova import Request, Server

_NAMES = frozenset({"stop", "start"})  # as Nova calls these requests
_SHORTEST, _LONGEST = 0.5, 5.0  # seconds between two looks
_SURE = 2.0  # how long a server must rest otherwise than wanted until that counts as its end
_PATIENCE = 60.0  # seconds after which it is asked whether its host still answers
_GIVEN_UP = 900.0  # a guest may be given minutes to shut down; Nova kills it then
_BEFORE = "before"


@dataclass
class Switch:
    """One server on its way to a status, by a request of that name."""

    door: Door
    watch: Watch
    instance: str
    verb: str  # stop | start
    origin: str  # the status from which Nova does this
    wanted: str  # the status at its end
    _known: str | None = None  # our newest request before this action asked, if that was noted
    _rested: datetime | None = None

    def __post_init__(self) -> None:
        noted = self.watch.hint.get(_BEFORE)
        self._known = None if noted is None else str(noted)

    def trace(self) -> Request | None:
        """Our request, if an earlier attempt of this very action made it."""
        if self.watch.attempt == 1:  # noted at once, so that no later attempt needs to go by the clocks
            self.watch.heartbeat({"phase": "looking", _BEFORE: self._newest_id()})
            return None
        return self._find(self._known)

    def run(self) -> dict[str, Any]:
        """Look for our request, make it if there is none, and wait for its end."""
        request = (self._find(self._known) if self.watch.attempt > 1 else None) or self._ask()
        begun = self.watch.now()
        while True:
            server = self.door.server(self.instance)
            if server.task_state is None and server.status == self.wanted:
                return {"request": request.id, "status": server.status, "host": server.host}
            self._judge(request, server, (self.watch.now() - begun).total_seconds())
            noted = {} if self._known is None else {_BEFORE: self._known}
            self.watch.heartbeat({"phase": server.task_state or "resting", "request": request.id, **noted})
            self._wait((self.watch.now() - begun).total_seconds())

    def _newest(self) -> Request | None:
        user = self.door.user
        asked = self.door.requests(self.instance)
        return next((r for r in asked if r.user == user and r.action in _NAMES), None)

    def _newest_id(self) -> str:
        newest = self._newest()
        return newest.id if newest is not None else ""

    def _find(self, known: str | None) -> Request | None:
        """Our newest request, if it came after what was known before; without that, by the clocks."""
        newest = self._newest()
        if newest is None or newest.action != self.verb or newest.id == known:
            return None
        if known is None and newest.started < trace.horizon(self.watch, self.door.reader.clock()):
            return None
        return newest

    def _ask(self) -> Request:
        server = self.door.server(self.instance)
        if silent := stall.silent(self.door, server.host):
            raise Failed(
                f"nova-compute on {silent[0]} is down: it cannot {self.verb} {self.instance}",
                "start it, or fence the host and evacuate its servers",
                kind="stalled",
            )
        known = self._known = self._newest_id()
        post = self.door.stop if self.verb == "stop" else self.door.start
        return ask(
            lambda: post(self.instance),
            lambda: self._find(known),
            watch=self.watch,
            noted={_BEFORE: known},
            conflict=lambda why: judge_conflict(self.door, self.instance, why, (self.origin, self.wanted)),
            what=f"the {self.verb} of {self.instance}",
        )

    def _judge(self, request: Request, server: Server, age: float) -> None:
        """Raises Failed when it rests as it was, or when nobody is there to end its task."""
        if server.task_state is None:
            now = self.watch.now()
            self._rested = self._rested or now
            if (now - self._rested).total_seconds() >= _SURE:
                said = failure(self.door, self.instance, request) or "Nova gives no reason"
                raise Failed(
                    f"the {self.verb} of {self.instance} came to nothing: {said}; the server is "
                    f"{server.status} on {server.host}",
                    f"look at nova-compute on {server.host}, then plan again",
                    kind="power",
                )
            return
        self._rested = None
        silent = stall.silent(self.door, server.host) if age > _PATIENCE else ()
        if silent or age > _GIVEN_UP:
            why = (
                f"nova-compute on {server.host} is down"
                if silent
                else f"{age:.0f} s later nothing came of it"
            )
            raise Failed(
                f"{self.instance} stands in its task {server.task_state}: {why}",
                f"look at nova-compute on {server.host}, which ends what it left undone when it starts",
                kind="stalled",
            )

    def _wait(self, age: float) -> None:
        try:
            self.watch.sleep(min(_LONGEST, max(_SHORTEST, age / 4)))
        except Stopped as stop:
            if stop.kind != "abort":  # Nova cannot take this back: it is seen to its end
                raise
