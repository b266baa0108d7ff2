"""What an action may ask of a cloud, how the cloud says no, and what watches over an action while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

# How the cloud says no is of the door; rights, below it, knows only these.
from activities.failures import Busy as Busy
from activities.failures import Failed as Failed
from activities.failures import Gone as Gone
from activities.failures import LockedOut as LockedOut
from activities.failures import Transient as Transient

if TYPE_CHECKING:  # the collectors behind those rows need the door themselves
    from activities.observe.nova import Migration, Offer, Progress, Request, Server, Service
    from plan_schemas.model import Cluster


class Stopped(Exception):
    """Somebody wants an end: `abort` what runs in the cloud, or `leave` it running and only stop watching."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Cancelled(Exception):
    """The action was aborted as asked, and the cloud is as it was before."""

    def __init__(self, reason: str, evidence: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = evidence


class Watch(Protocol):
    """The activity's side of an action: its clock, its sign of life, its ear for a cancellation."""

    @property
    def since(self) -> datetime:
        """When this action was first scheduled; the same for every attempt."""

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""

    @property
    def hint(self) -> Mapping[str, Any]:
        """The last heartbeat of an earlier attempt, empty if none arrived: never more than a hint."""

    def heartbeat(self, details: Mapping[str, Any]) -> None: ...

    def writing(self, details: Mapping[str, Any] | None = None) -> AbstractContextManager[None]:
        """Every write to the cloud stands inside one of these, which begins with a heartbeat. Raises Stopped
        when this attempt counts as dead already: it must not write any more.
        """

    def sleep(self, seconds: float) -> None:
        """Wait, with signs of life. Raises Stopped: `abort` once, so that an action can wait for the end
        of what it aborted; `leave` always.
        """

    def now(self) -> datetime: ...


class Reader(Protocol):
    """Raw reading for collectors; safe to share between threads. Raises Transient, Failed or Gone."""

    def get(self, service: str, path: str, microversion: str) -> bytes: ...

    def newest(self, service: str) -> str:
        """The highest microversion that the cloud speaks."""

    def clock(self) -> datetime | None:
        """The cloud's own time in its latest answer, to the second; None if it does not tell."""


class Door(Protocol):
    """One cloud, as actions see it. Every call may raise Transient, Failed or Gone."""

    @property
    def cloud(self) -> str: ...

    @property
    def reader(self) -> Reader: ...

    @property
    def user(self) -> str:
        """The id of the user that our requests carry in Nova's records."""

    def server(self, uuid: str) -> Server: ...

    def requests(self, uuid: str) -> tuple[Request, ...]:
        """What was asked of a server (os-instance-actions), newest first, without their events."""

    def request(self, uuid: str, id: str) -> Request:
        """One of them with its events."""

    def migrations(self, uuid: str) -> tuple[Migration, ...]:
        """Every migration record of a server, newest first."""

    def progress(self, uuid: str) -> tuple[Progress, ...]:
        """Live migrations of a server that have not ended."""

    def live_migrate(self, uuid: str, host: str) -> None: ...

    def cold_migrate(self, uuid: str, host: str) -> None: ...

    def resize(self, uuid: str, flavor: str) -> None:
        """To the flavor of that id, on whatever host Nova chooses."""

    def confirm(self, uuid: str) -> None: ...

    def revert(self, uuid: str) -> None: ...

    def abort(self, uuid: str, migration: int) -> None: ...

    def stop(self, uuid: str) -> None: ...

    def start(self, uuid: str) -> None: ...

    def offers(self) -> tuple[Offer, ...]:
        """The flavors on offer."""

    def service(self, host: str) -> Service:
        """The nova-compute service of a host."""

    def picture(self, hosts: frozenset[str] | None, about: str | None, *, now: datetime) -> Cluster:
        """These hosts now (None: all), and what `about` one instance is elsewhere. Raises Incomplete too."""

    def set_service(self, service: Service, status: str, reason: str | None) -> Service:
        """`enabled`, or `disabled` with a reason; answers the service as it is then."""
