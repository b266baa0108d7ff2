"""`python -m tests.metrics.real_prometheus`: a real Prometheus scrapes a simulated cloud's exporters.

Usage that Ballast reads from it, by the dialect `libvirt` and behind a path of its own, must equal what
the exporters know within 1 %. Prints one JSON object; exit status 1 if it does not, 4 and the reason in one
line if there can be no Prometheus here.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from activities.metrics import gate
from activities.metrics.measure import measure
from deploy.devcloud import debian
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.generate import generate
from plan_schemas.catalog import load
from plan_schemas.dialect import Datasource
from plan_schemas.needs import Need
from tests.how.acting import observed
from tests.metrics.numbers import METRICS, NEEDS, strategy
from tests.metrics.serving import served, truth

HOSTS = 8
SCRAPE, PERIOD = 1.0, 20.0  # seconds
WITHIN = 0.01
PATIENCE = 120.0
PROGRAM = "prometheus"
PORT = 9100  # of each host's exporter, as far as Prometheus' labels know


def main() -> int:
    binary = had()
    if isinstance(binary, str):
        print(f"no real Prometheus: {binary}")
        return 4
    cloud = generate(HOSTS, 5)
    with tempfile.TemporaryDirectory() as folder, served(cloud, speed=1.0) as origin:
        path = Path(folder)
        port = _free_port()
        process = _start(binary, path, port, origin, cloud)
        try:
            found = _compared(cloud, f"http://127.0.0.1:{port}/metrics-of/prod")
        except Exception:
            print((path / "log").read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait(timeout=20)
    print(json.dumps(found))
    return 0 if found["worst"] <= WITHIN and len(set(found["min_mean_max_numbers"])) == 1 else 1


def had() -> Path | str:
    """The binary, installed if that is possible; otherwise why it cannot be had."""
    if found := shutil.which(PROGRAM):
        return Path(found)
    if os.geteuid() != 0 or not debian.has_apt():
        return "it is not installed, and only root of a Debian can install it"
    if why := debian.install([PROGRAM]):
        return f"its package cannot be installed: {why}"
    # The package starts one of its own, which nobody here asks anything.
    subprocess.run(["service", PROGRAM, "stop"], capture_output=True, check=False)
    return Path(debian.program(PROGRAM))


def _start(binary: Path, path: Path, port: int, origin: str, cloud: Cloud) -> subprocess.Popen[bytes]:
    (path / "prometheus.yml").write_text(yaml.safe_dump(_configuration(origin, cloud)))
    options = [
        f"--config.file={path / 'prometheus.yml'}",
        f"--storage.tsdb.path={path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.external-url=http://metrics.example.org/metrics-of/prod",
        "--log.level=warn",
    ]
    with (path / "log").open("wb") as log:
        return subprocess.Popen([str(binary), *options], stdout=log, stderr=log)


def _configuration(origin: str, cloud: Cloud) -> dict[str, Any]:
    """One target for each host, named as a target of its own would be."""
    jobs = [
        {
            "job_name": name,
            "metrics_path": f"/metrics/{name}",
            "static_configs": [
                {
                    "targets": [origin.removeprefix("http://")],
                    "labels": {"instance": f"{name}:{PORT}", "cluster": 'prod "one"'},
                }
            ],
        }
        for name, host in cloud.hosts.items()
        if host.alive
    ]
    return {"global": {"scrape_interval": f"{SCRAPE:g}s"}, "scrape_configs": jobs}


def _compared(cloud: Cloud, url: str) -> dict[str, Any]:
    """Usage over the last period against the cloud's own truth, once there is a period of samples."""
    document = {"name": "real", "dialect": "libvirt", "url": url, "labels": {"cluster": 'prod "one"'}}
    source = Datasource.of(document, load().dialects)
    needs = [Need(need.metric, PERIOD) for need in NEEDS]
    begun = time.monotonic()
    _await(url)
    time.sleep(PERIOD + 5 * SCRAPE)
    cluster = observed(cloud)
    usage = measure(source, needs, METRICS, cluster, now=cloud.moment)
    believed = gate.admitted(usage, needs, strategy(), cluster, METRICS)
    time.sleep(60 - time.time() % 60 + SCRAPE)  # a subquery looks at whole minutes
    least, most = (
        measure(source, [Need(n.metric, 60.0, kind) for n in needs], METRICS, cluster, now=cloud.moment)
        for kind in ("min", "max")
    )
    # How many there are, for a minute of samples is too little for what looks back five.
    extremes = [sum(map(len, usage.values.values())) for usage in (least, usage, most)]
    off: dict[str, float] = {}
    count = 0
    for metric, of in truth(cloud, PERIOD).items():
        # By a part of the number, and of a thousandth of the greatest where there is next to nothing.
        little = max(of.values()) / 1000
        apart = [abs(believed.of(metric)[s] - number) / max(number, little) for s, number in of.items()]
        off[metric], count = max(apart), count + len(of)
    return {
        "bench": "real_prometheus",
        "version": _version(url),
        "hosts": HOSTS,
        "numbers": count,
        "queries": len(needs),
        "min_mean_max_numbers": extremes,
        "worst": round(max(off.values()), 5),
        "worst_by_metric": {name: round(value, 5) for name, value in off.items()},
        "seconds": round(time.monotonic() - begun, 1),
    }


def _await(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as reply:  # noqa: S310  loopback
                if reply.status == 200:
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _version(url: str) -> str:
    with urllib.request.urlopen(f"{url}/api/v1/status/buildinfo", timeout=5) as reply:  # noqa: S310
        return str(json.load(reply)["data"]["version"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
