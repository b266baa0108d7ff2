"""Carrying out actions on a cloud in this process: virtual time, workers that die, the journal as witness."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests
from requests.adapters import BaseAdapter

from activities import actions
from activities.door import Stopped
from activities.observe import collect
from activities.openstack import OpenStackDoor
from deploy.simcloud.adapter import connect
from deploy.simcloud.cloud import Cloud
from plan_schemas.frozen import freeze
from plan_schemas.model import Cluster
from plan_schemas.plan import Action

ALLOW = frozenset({"live", "cold", "service", "stop", "resize"})


class Died(BaseException):
    """The worker was killed; nothing in it may catch this."""


@dataclass
class VirtualWatch:
    """A watch in the cloud's own time; sleeping lets that time pass."""

    cloud: Cloud
    since: datetime
    attempt: int = 1
    hint: Mapping[str, Any] = field(default_factory=dict)
    beats: list[Mapping[str, Any]] = field(default_factory=list)
    stops: dict[int, str] = field(default_factory=dict)  # at which sleep somebody says abort or leave
    dies_at: int | None = None  # the sleep in which the worker is killed
    sleeps: int = 0

    @classmethod
    def new(cls, cloud: Cloud, **more: Any) -> "VirtualWatch":
        return cls(cloud, cloud.moment, **more)

    def again(self, *, hint: bool = True, **more: Any) -> "VirtualWatch":
        """The watch of the next attempt; its hint is the last heartbeat, if that arrived."""
        last = self.beats[-1] if hint and self.beats else {}
        return VirtualWatch(self.cloud, self.since, self.attempt + 1, last, **more)

    def heartbeat(self, details: Mapping[str, Any]) -> None:
        self.beats.append(dict(details))

    @contextmanager
    def writing(self, details: Mapping[str, Any] | None = None) -> Iterator[None]:
        last = self.beats[-1] if self.beats else self.hint
        self.heartbeat(last if details is None else details)
        yield

    def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        if self.sleeps == self.dies_at:
            raise Died
        if self.sleeps in self.stops:
            raise Stopped(self.stops[self.sleeps])
        self.cloud.advance(seconds)

    def now(self) -> datetime:
        return self.cloud.moment


class Mortal(BaseAdapter):
    """Between a worker and the cloud: the worker dies before or after its n-th write is sent."""

    def __init__(self, inner: BaseAdapter, when: str, at: int = 1) -> None:
        super().__init__()
        self.inner, self.when, self.left = inner, when, at

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        writes = request.method != "GET" and "/identity" not in str(request.url)
        self.left -= writes
        strikes = writes and self.left == 0
        if strikes and self.when == "before":
            raise Died
        answer = self.inner.send(request, *args, **options)
        if strikes:
            raise Died
        return answer

    def close(self) -> None:
        self.inner.close()


def door_to(cloud: Cloud) -> OpenStackDoor:
    """A new worker's door: own connection, own token, nothing remembered."""
    return OpenStackDoor(cloud.name, connect(cloud))


def mortal_door_to(cloud: Cloud, when: str, at: int = 1) -> OpenStackDoor:
    connection = connect(cloud)
    session = connection.session.session
    for scheme in ("http://", "https://"):
        session.mount(scheme, Mortal(session.get_adapter(scheme), when, at))
    return OpenStackDoor(cloud.name, connection)


def observed(cloud: Cloud) -> Cluster:
    return collect(door_to(cloud).reader, cloud.name, now=cloud.moment)


def planned(cluster: Cluster, type: str, id: str = "a-1", **parameters: Any) -> Action:
    """An action as a plan carries it: with its expectations from the model."""
    module = actions.find(type)
    return Action(
        id,
        type,
        freeze(parameters),
        "for a test",
        expects=freeze(module.expects(cluster, **parameters)),
        touches=module.touches(**parameters),
        seconds=module.seconds(cluster, **parameters),
    )


def writes(cloud: Cloud) -> list[dict[str, Any]]:
    """What was asked of the cloud that changes it, and accepted."""
    return [
        line
        for line in cloud.journal.requests(accepted=True)
        if line["method"] != "GET" and not line["path"].startswith("/identity")
    ]


@contextmanager
def no_new_writes(cloud: Cloud) -> Iterator[None]:
    before = len(writes(cloud))
    yield
    assert len(writes(cloud)) == before
