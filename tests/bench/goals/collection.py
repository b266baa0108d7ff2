"""What reading a cloud costs, over real HTTP: against the SDK's objects, and against the bare requests.

Each measurement has a process of its own and is told in processor time of that process, the simulator being
another one; the bare requests are exactly those that the collector sent, as many side by side. Cycles are
looked for as seldom in all of them.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openstack
import requests
from keystoneauth1.session import Session

from activities.door import Reader
from activities.observe import collect, frame, listing, nova
from activities.observe.garbage import gc_seldom
from activities.observe.sweep import THREADS
from activities.openstack import open_door
from tests.bench.alone import Row, alone, peak_mb
from tests.bench.jobs import Job
from tests.bench.served import NAME, served
from tests.bench.table import Goal

GOALS = [
    Goal("C listing", "processor time per listed server / that of the SDK's objects", worst=0.01),
    Goal("C whole", "processor time of a whole collection / the same requests and json.loads", worst=2),
    Goal("C clock", "seconds of a whole collection / of the same requests and json.loads", worst=2),
]
HOSTS, SERVERS = 870, 1_000  # of the cloud, for 10,000 servers; that the SDK lists
REPEATS = 2  # of a collection
LISTINGS = 3  # of either kind; they are short, and what disturbs one only ever adds to it
LISTING = "/servers/detail?all_tenants=true"


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    """Clouds of about 10,000 servers; five, since they cost the same, each collected twice."""
    for seed in seeds[:5]:
        yield Job(compared, (60 if quick else HOSTS, seed), _told, 60, quiet=True)


def _told(row: Row) -> Iterator[Row]:
    yield from row["rows"]


def compared(hosts: int, seed: int) -> Row:
    """One cloud read in all four ways."""
    with served(hosts, seed) as file, tempfile.TemporaryDirectory() as directory:
        sent = str(Path(directory) / "sent.json")
        told = {"hosts": hosts, "seed": seed, "constrained": False}
        sdk, ours = _least(by_sdk, str(file), SERVERS), _least(by_pages, str(file))
        rows = [_ratio("C listing", ours, sdk, "per_server", **told)]
        for _ in range(REPEATS):
            whole, bare = alone(collected, str(file), sent), alone(repeated, str(file), sent)
            facts = {k: whole[k] for k in ("servers", "requests", "megabytes")}
            rows += [
                _ratio(f"C {of}", whole, bare, key, **told) | facts
                for of, key in (("whole", "seconds"), ("clock", "clock"))
            ]
    return {"rows": rows}


def _least(measure: Callable[..., Row], *arguments: Any) -> Row:
    rows = [alone(measure, *arguments) for _ in range(LISTINGS)]
    return min(rows, key=lambda row: float(row["per_server"]))


def _ratio(goal: str, ours: Row, theirs: Row, key: str, **told: Any) -> Row:
    """Both numbers in milliseconds."""
    figures = {"value": round(1000 * ours[key], 3), "bound": round(1000 * theirs[key], 3)}
    cost = {"seconds": ours["seconds"], "clock": ours["clock"], "peak_mb": ours["peak_mb"]}
    return {"goal": goal, **told, **figures, "ratio": round(ours[key] / theirs[key], 4), **cost}


class Counting:
    """A reader that notes every request and how many bytes came back."""

    def __init__(self, inner: Reader) -> None:
        self._inner, self._lock = inner, threading.Lock()
        self.sent: list[tuple[str, str, str]] = []
        self.bytes = 0

    def get(self, service: str, path: str, microversion: str) -> bytes:
        answer = self._inner.get(service, path, microversion)
        with self._lock:
            self.sent.append((service, path, microversion))
            self.bytes += len(answer)
        return answer

    def newest(self, service: str) -> str:
        return self._inner.newest(service)

    def clock(self) -> datetime | None:
        return self._inner.clock()


def collected(clouds: str, sent: str) -> Row:
    """The whole picture, as an audit has it collected."""
    reader = Counting(_door(clouds))
    clock, began = time.monotonic(), time.process_time()
    cluster = collect(reader, NAME, now=datetime.now(UTC))
    took = _took(clock, began)
    Path(sent).write_text(json.dumps(reader.sent))
    counts = {"servers": len(cluster.instances), "requests": len(reader.sent)}
    return took | counts | {"megabytes": round(reader.bytes / 1e6, 1)}


@gc_seldom()
def repeated(clouds: str, sent: str) -> Row:
    """The same requests, as many side by side, with nothing done but json.loads."""
    asked = json.loads(Path(sent).read_text())
    session = _session(clouds)
    head = dict(session.get_auth_headers() or {})
    roots = {s: session.get_endpoint(service_type=s, interface="public") for s in ("compute", "placement")}
    own = threading.local()

    def get(row: list[str]) -> int:
        if not hasattr(own, "http"):
            own.http = requests.Session()
        service, path, version = row
        said = {"OpenStack-API-Version": f"{service} {version}", "Accept": "application/json"}
        answer = own.http.get(f"{roots[service]}{path}", headers={**head, **said}, timeout=60)
        answer.raise_for_status()
        json.loads(answer.content)
        return len(answer.content)

    clock, began = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(THREADS) as pool:
        size = sum(pool.map(get, asked))
    return _took(clock, began) | {"megabytes": round(size / 1e6, 1)}


@gc_seldom()
def by_sdk(clouds: str, most: int) -> Row:
    """Servers as the SDK's resource objects."""
    os.environ["OS_CLIENT_CONFIG_FILE"] = clouds
    compute = openstack.connect(NAME).compute
    compute.get("/servers/detail?limit=1")  # to be let in costs once
    clock, began = time.monotonic(), time.process_time()
    count = 0
    for _ in compute.servers(details=True, all_projects=True, limit=listing.LIMIT):
        count += 1
        if count == most:
            break
    return _per_server(_took(clock, began), count)


@gc_seldom()
def by_pages(clouds: str) -> Row:
    """All servers as our rows, all pages: what the first costs once weighs less than in one page."""
    reader = _door(clouds)
    version = frame.servers_version(reader.newest("compute"))
    clock, began = time.monotonic(), time.process_time()
    rows = nova.shown_servers(listing.pages(reader, LISTING, nova.Servers, version))
    return _per_server(_took(clock, began), len(rows))


def _door(clouds: str) -> Reader:
    os.environ["OS_CLIENT_CONFIG_FILE"] = clouds
    reader = open_door(NAME).reader
    reader.newest("compute")
    return reader


def _session(clouds: str) -> Session:
    os.environ["OS_CLIENT_CONFIG_FILE"] = clouds
    session: Session = openstack.connect(NAME).session
    return session


def _took(clock: float, began: float) -> dict[str, Any]:
    seconds, clock = time.process_time() - began, time.monotonic() - clock
    return {"seconds": round(seconds, 4), "clock": round(clock, 3), "peak_mb": peak_mb()}


def _per_server(took: dict[str, Any], count: int) -> Row:
    return took | {"per_server": took["seconds"] / count, "servers": count}
