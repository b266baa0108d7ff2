"""`python -m deploy.devcloud.exporter`: what libvirt's and the node's exporters of its hosts would tell.

The devcloud has no hypervisors, so nothing is used there: how busy a server is hangs on its uuid alone, as
in the simulated cloud. Which servers there are and where they run Nova says, asked anew every few seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from deploy.devcloud import guests, seed
from deploy.devcloud.layout import Layout, layout
from deploy.devcloud.processes import DidNotStart
from deploy.devcloud.rest import call
from deploy.simcloud import exposition, load
from deploy.simcloud.exposition import Guest, Machine

PREFIX = "/metrics/"
EVERY = 5.0  # seconds between looks at Nova
RUNNING = 1  # Nova's power state
SEED = 0
Machines = Mapping[str, Machine]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.devcloud.exporter", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("var/devcloud"), help="of the devcloud")
    parser.add_argument("--port", type=int, default=9177, help="on loopback (default %(default)s)")
    options = parser.parse_args()
    try:
        cloud = layout(options.directory, Path(".venv-devcloud").absolute())
        with served(cloud, options.port) as origin:
            print(f"one path for each host, such as {origin}{PREFIX}cmp-001", flush=True)
            threading.Event().wait()
    except (DidNotStart, OSError) as failure:
        print(f"exporter: {failure}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 0
    return 0


class Watch:
    """What Nova said last. While Nova does not answer, nothing is told, as by exporters that are down."""

    def __init__(self, cloud: Layout) -> None:
        self._cloud, self._connection = cloud, seed.connect(cloud)
        self.machines: Machines = machines(cloud, self._connection)

    def keep(self, ended: threading.Event) -> None:
        while not ended.wait(EVERY):
            try:
                self.machines = machines(self._cloud, self._connection)
            except DidNotStart as failure:
                self.machines = {}
                print(f"exporter: {failure}", file=sys.stderr, flush=True)


def machines(cloud: Layout, connection: Connection) -> Machines:
    """Every host that is up, as large as its knobs say, with the servers that run on it."""
    known = json.loads(cloud.knobs.read_text())["hosts"]
    services = call(connection, "compute", "GET", "/os-services?binary=nova-compute")["services"]
    running: dict[str, list[Guest]] = {}
    for row in guests.listed(connection):
        if row["OS-EXT-STS:power_state"] == RUNNING and row["OS-EXT-SRV-ATTR:host"]:
            running.setdefault(row["OS-EXT-SRV-ATTR:host"], []).append(_guest(row))
    return {
        row["host"]: Machine(
            known[row["host"]]["vcpus"],
            float(known[row["host"]]["memory_mb"] * load.MIB),
            tuple(running.get(row["host"], ())),
        )
        for row in services
        if row["state"] == "up"
    }


def _guest(row: Mapping[str, Any]) -> Guest:
    drawn, flavor = load.drawn(SEED, row["id"]), row["flavor"]
    used = drawn.ram / 100 * flavor["ram"] * load.MIB
    domain = row["OS-EXT-SRV-ATTR:instance_name"]
    return Guest(row["id"], row["name"], domain, flavor["vcpus"], drawn.cpu, used)


@contextmanager
def served(cloud: Layout, port: int = 0) -> Iterator[str]:
    """Its origin, while the exporter serves. Raises DidNotStart where Nova does not answer at once."""
    watch, ended = Watch(cloud), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now = time.time()  # Prometheus takes the moment of its request for that of the numbers
            machine = watch.machines.get(self.path.removeprefix(PREFIX))
            body = exposition.text(machine, now).encode() if machine else b"no such host is up\n"
            self.send_response(200 if machine else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not told one by one."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threads = [
        threading.Thread(target=server.serve_forever, daemon=True),
        threading.Thread(target=watch.keep, args=(ended,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    sys.exit(main())
