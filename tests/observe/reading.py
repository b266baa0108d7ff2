"""Clouds to look at, and readers between them and the collector."""

import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from activities.door import Reader
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.generate import Mix, generate
from plan_schemas.model import Cluster
from tests.how.acting import door_to


def full(hosts: int = 12, seed: int = 3, **mix: Any) -> Cloud:
    """A generated cloud with some of everything."""
    return generate(hosts, seed, mix=Mix(groups=0.3, disabled=0.15, down=0.1, locked=0.1, **mix))


def requests_of(cloud: Cloud, do: Callable[[], object]) -> list[str]:
    before = len(cloud.journal.requests())
    do()
    return [line["path"] for line in cloud.journal.requests()[before:]]


def books_agree(cloud: Cloud, cluster: Cluster) -> None:
    """Each host is counted with exactly what Placement counts there."""
    for name in cloud.hosts:
        used = {k: v for k, v in cluster.used(name).items() if v}
        assert used == {k: v for k, v in cloud.books.used(name).items() if v}, name


class Altered:
    """A reader between collector and cloud that changes what some answers say."""

    def __init__(self, cloud: Cloud, alter: Callable[[str, Any], Any]) -> None:
        self.inner: Reader = door_to(cloud).reader
        self.alter = alter

    def get(self, service: str, path: str, microversion: str) -> bytes:
        answer = json.loads(self.inner.get(service, path, microversion))
        return json.dumps(self.alter(path, answer)).encode()

    def newest(self, service: str) -> str:
        return self.inner.newest(service)

    def clock(self) -> datetime | None:
        return self.inner.clock()


class Living:
    """A reader in whose cloud time goes on: each request takes `seconds`."""

    def __init__(self, cloud: Cloud, seconds: float) -> None:
        self.inner: Reader = door_to(cloud).reader
        self.cloud, self.seconds, self.lock = cloud, seconds, threading.Lock()

    def get(self, service: str, path: str, microversion: str) -> bytes:
        with self.lock:
            self.cloud.advance(self.seconds)
            return self.inner.get(service, path, microversion)

    def newest(self, service: str) -> str:
        return self.inner.newest(service)

    def clock(self) -> datetime | None:
        return self.cloud.moment
