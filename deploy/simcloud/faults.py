"""Troubles on request: what shall go wrong, for which requests and migrations, and how often."""

import random
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Fault(BaseModel):
    """`count` is how often it strikes (endless if absent); `hits` how often it has."""

    model_config = ConfigDict(extra="forbid")

    id: int = 0
    instance: str | None = None
    count: int | None = Field(default=None, ge=0)
    probability: float = Field(default=1.0, ge=0, le=1)
    hits: int = 0

    def _strikes(self, draw: random.Random) -> bool:
        if self.count is not None and self.hits >= self.count:
            return False
        # No draw for certain faults: a planted one must not shift the dice of everything behind it.
        if self.probability < 1 and draw.random() >= self.probability:
            return False
        self.hits += 1
        return True


class ApiFault(_Fault):
    """A trouble between client and service.

    `status`: answer so instead of processing (409, 429 with `retry_after`, 5xx).
    `latency`: wait `seconds` before processing. `delay_reply`: process at once, reply `seconds` later.
    `drop_reply`: process, then close the connection. `refuse`: close it before processing.
    `token_revoked`: every token dies, that of this request first.
    `hold`, `hold_reply`: wait before processing, or after it, until the fault is removed or its `seconds`
    are over; only a served cloud does.

    A moment in the life of a server or a service is told by `writes`, how many changes of it were accepted
    since the fault was planted (`seen` counts them), and by `busy`, whether the server has a task.
    """

    effect: Literal[
        "status", "latency", "delay_reply", "drop_reply", "refuse", "token_revoked", "hold", "hold_reply"
    ]
    method: str | None = None
    path: str | None = None
    action: str | None = None
    host: str | None = None
    status: int = Field(default=503, ge=400, le=599)
    seconds: float = Field(default=0.0, ge=0)
    retry_after: int | None = None
    message: str | None = None
    writes: int | None = Field(default=None, ge=0)
    busy: bool | None = None
    seen: int = 0

    @field_validator("path")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            re.compile(value)
        return value


class MigrationFault(_Fault):
    """A trouble of a move.

    `check`: the destination refuses, so no valid host is found. `pre`: preparing fails.
    `on_the_way`: it breaks at share `at`. `stall`: bytes stop at share `at` until somebody aborts.
    `elsewhere`: it lands on host `to`.
    """

    effect: Literal["check", "pre", "on_the_way", "stall", "elsewhere"]
    kind: Literal["live-migration", "migration", "resize", "evacuation"] | None = None
    source: str | None = None
    dest: str | None = None
    to: str | None = None
    at: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _knows_where(self) -> "MigrationFault":
        if (self.effect == "elsewhere") != (self.to is not None):
            raise ValueError("'to' belongs to the effect 'elsewhere', and to no other")
        return self


class MetricFault(BaseModel):
    """A trouble of the cloud's Prometheus, with all series or those of some subjects (host, server or uuid).

    `missing`: no series. `stale`: the newest sample is `seconds` old. `not_a_number`: NaN.
    `times`: another unit. `duplicate`: a second series. `unknown`: one of nobody. `partial`: it warns.
    """

    model_config = ConfigDict(extra="forbid")

    id: int = 0
    effect: Literal["missing", "stale", "not_a_number", "times", "duplicate", "unknown", "partial"]
    metric: str | None = None
    subjects: list[str] | None = None
    seconds: float = Field(default=3600.0, ge=0)
    times: float = 1.0


class Treatment(BaseModel):
    """What the faults make of one request."""

    latency: float = 0.0
    refuse: bool = False
    delay_reply: float = 0.0
    drop_reply: bool = False
    revoke: bool = False
    answer: ApiFault | None = None
    hold: ApiFault | None = None
    hold_reply: ApiFault | None = None
    struck: list[int] = Field(default_factory=list)  # the faults that made it so


class Faults:
    """All planted troubles."""

    def __init__(self) -> None:
        self.api: list[ApiFault] = []
        self.migration: list[MigrationFault] = []
        self.metric: list[MetricFault] = []
        self._count = 0

    def plant(self, fault: ApiFault | MigrationFault | MetricFault) -> int:
        self._count += 1
        fault.id = self._count
        if isinstance(fault, ApiFault):
            self.api.append(fault)
        elif isinstance(fault, MetricFault):
            self.metric.append(fault)
        else:
            self.migration.append(fault)
        return fault.id

    def clear(self, number: int | None = None) -> None:
        """Remove one fault, or all."""
        self.api = [fault for fault in self.api if number not in (None, fault.id)]
        self.migration = [fault for fault in self.migration if number not in (None, fault.id)]
        self.metric = [fault for fault in self.metric if number not in (None, fault.id)]

    def knows(self, fault: ApiFault) -> bool:
        return any(one is fault for one in self.api)

    def treat(
        self,
        draw: random.Random,
        method: str,
        path: str,
        action: str | None,
        instance: str | None,
        hosts: set[str],
        busy: bool = False,
    ) -> Treatment:
        """Every fault that strikes this request, taken together."""
        treatment = Treatment()
        for fault in self.api:
            if (
                _concerns(fault, method, path, action, instance, hosts)
                and fault.writes in (None, fault.seen)
                and fault.busy in (None, busy)
                and fault._strikes(draw)
            ):
                _apply(fault, treatment)
                treatment.struck.append(fault.id)
        return treatment

    def note_write(self, instance: str | None, hosts: set[str]) -> None:
        """A change was accepted: for the faults that wait for one."""
        for fault in self.api:
            if fault.instance in (None, instance) and (fault.host is None or fault.host in hosts):
                fault.seen += 1

    def of_migration(
        self, draw: random.Random, kind: str, instance: str, source: str, dest: str | None
    ) -> MigrationFault | None:
        """The first fault that strikes this move."""
        for fault in self.migration:
            wanted = (
                (fault.kind, kind),
                (fault.instance, instance),
                (fault.source, source),
                (fault.dest, dest),
            )
            if all(want in (None, have) for want, have in wanted) and fault._strikes(draw):
                return fault
        return None


def _concerns(
    fault: ApiFault, method: str, path: str, action: str | None, instance: str | None, hosts: set[str]
) -> bool:
    return (
        fault.method in (None, method)
        and fault.action in (None, action)
        and fault.instance in (None, instance)
        and (fault.host is None or fault.host in hosts)
        and (fault.path is None or re.search(fault.path, path) is not None)
    )


def _apply(fault: ApiFault, treatment: Treatment) -> None:
    match fault.effect:
        case "status":
            treatment.answer = treatment.answer or fault
        case "latency":
            treatment.latency += fault.seconds
        case "delay_reply":
            treatment.delay_reply += fault.seconds
        case "drop_reply":
            treatment.drop_reply = True
        case "refuse":
            treatment.refuse = True
        case "token_revoked":
            treatment.revoke = True
        case "hold":
            treatment.hold = fault
        case "hold_reply":
            treatment.hold_reply = fault
