"""Clouds whose exporters a real Prometheus can scrape: a simulated one, and the real Nova of a devcloud."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from activities.observe import collect
from activities.openstack import open_door
from deploy.devcloud import exporter, guests, seed
from deploy.devcloud.guests import Guest
from deploy.devcloud.layout import NAME, layout
from deploy.devcloud.rest import call
from deploy.simcloud import exposition
from deploy.simcloud.generate import generate
from plan_schemas.model import Cluster
from tests.how.acting import observed
from tests.metrics.serving import served, truth

HOSTS = 8  # of the simulated cloud
ENVIRONMENT = Path(".venv-devcloud")
MARK = "scraped-"  # of the names of servers that are booted for this
FLAVORS = ("small", "medium", "large")
PER_HOST = 3


@dataclass(frozen=True)
class Site:
    name: str
    origin: str  # of what exports, one path for each host
    hosts: Sequence[str]
    observe: Callable[[], Cluster]  # by the product's own collector
    truth: Callable[[float], dict[str, dict[str, float]]]  # over a period until now, from the curves alone
    now: Callable[[], datetime]


@contextmanager
def simulated() -> Iterator[Site]:
    cloud = generate(HOSTS, 5)
    alive = [name for name, host in cloud.hosts.items() if host.alive]
    with served(cloud, speed=1.0) as origin:
        yield Site(
            "simcloud",
            origin,
            alive,
            lambda: observed(cloud),
            lambda period: truth(cloud, period),
            lambda: cloud.moment,
        )


@contextmanager
def devcloud(directory: Path) -> Iterator[Site]:
    """One that runs already. Servers are booted on its hosts, and deleted afterwards."""
    cloud = layout(directory, ENVIRONMENT.absolute())
    connection = seed.connect(cloud)
    hosts = sorted(exporter.machines(cloud, connection))
    wanted = [
        Guest(f"{MARK}{host}-{n}", FLAVORS[n % len(FLAVORS)], host, "")
        for host in hosts
        for n in range(PER_HOST)
    ]
    guests.boot(connection, wanted, lambda *_: None)
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(cloud.clouds)

    def known(period: float) -> dict[str, dict[str, float]]:
        now = time.time()
        return exposition.truth(exporter.machines(cloud, connection).items(), now - period, now)

    try:
        with exporter.served(cloud) as origin:
            yield Site(
                NAME,
                origin,
                hosts,
                lambda: collect(open_door(NAME).reader, NAME, now=datetime.now(UTC)),
                known,
                lambda: datetime.now(UTC),
            )
    finally:
        for row in list(guests.listed(connection, detail=False)):
            if row["name"].startswith(MARK):
                call(connection, "compute", "DELETE", f"/servers/{row['id']}")
