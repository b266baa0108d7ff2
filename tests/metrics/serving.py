"""A simulated cloud behind a real port of this process: asked over HTTP, and its truth read directly."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from deploy.simcloud import exporter, exposition
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.server import build
from plan_schemas.catalog import load
from plan_schemas.dialect import Datasource


@contextmanager
def served(cloud: Cloud, *, speed: float = 0.0) -> Iterator[str]:
    """Its origin. Time stands still unless told otherwise, so that the truth does not move."""
    cloud.speed = speed
    server = build(cloud)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def datasource(origin: str, **changed: Any) -> Datasource:
    document: Mapping[str, Any] = {"name": "sim", "dialect": "gauges", "url": f"{origin}/prometheus"}
    return replace(Datasource.of(document, load().dialects), **changed)


def truth(cloud: Cloud, period: float) -> dict[str, dict[str, float]]:
    """What the cloud itself says of every subject, over a period until now, in our units."""
    alive = ((h.name, exporter.machine(cloud, h)) for h in cloud.hosts.values() if h.alive)
    return exposition.truth(alive, cloud.now - period, cloud.now)
