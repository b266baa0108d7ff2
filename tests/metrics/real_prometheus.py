"""`python -m tests.metrics.real_prometheus`: a real Prometheus scrapes the exporters of a cloud's hosts.

They are a simulated cloud's, or with `--cloud devcloud` those of a devcloud that runs, whose servers and
hosts the real Nova tells. Usage that Ballast reads, by the dialect `libvirt` and behind a path of its own,
must equal what the load curves say within 1 %, and so must the course that a `hold` asks for. Prints one JSON
object; exit status 1 if it does not, 3 if there is no devcloud, 4 and the reason in one line if there can be
no Prometheus here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from activities.metrics import gate
from activities.metrics.measure import measure
from deploy.devcloud import debian
from deploy.devcloud.processes import DidNotStart
from deploy.loopback import free_ports
from plan_schemas.catalog import load
from plan_schemas.dialect import Datasource
from plan_schemas.needs import Need
from plan_schemas.usage import Usage
from tests.metrics import sites
from tests.metrics.numbers import METRICS, NEEDS, strategy
from tests.metrics.sites import Site

SCRAPE, PERIOD = 1.0, 60.0  # seconds; on a busy machine a scrape may come half a second late
RESOLUTION = HOLD = 20.0  # of the course: three windows
WITHIN = 0.01
PATIENCE = 120.0
PROGRAM = "prometheus"
PORT = 9100  # of each host's exporter, as far as Prometheus' labels know


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.metrics.real_prometheus", description=__doc__)
    parser.add_argument("--cloud", choices=("simcloud", "devcloud"), default="simcloud")
    parser.add_argument("--directory", type=Path, default=Path("var/devcloud"), help="of the devcloud")
    options = parser.parse_args()
    binary = had()
    if isinstance(binary, str):
        print(f"no real Prometheus: {binary}")
        return 4
    try:
        is_real = options.cloud == "devcloud"
        with sites.devcloud(options.directory) if is_real else sites.simulated() as site:
            found = _scraped(binary, site)
    except DidNotStart as failure:
        print(f"no devcloud to scrape: {failure}", file=sys.stderr)
        return 3
    print(json.dumps(found))
    return 0 if found["worst"] <= WITHIN and len(set(found["min_mean_max_numbers"])) == 1 else 1


def _scraped(binary: Path, site: Site) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        port = free_ports({"prometheus": 9090})["prometheus"]
        process = _start(binary, path, port, site)
        try:
            return _compared(site, f"http://127.0.0.1:{port}/metrics-of/prod")
        except Exception:
            print((path / "log").read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait(timeout=20)


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


def _start(binary: Path, path: Path, port: int, site: Site) -> subprocess.Popen[bytes]:
    (path / "prometheus.yml").write_text(yaml.safe_dump(_configuration(site)))
    options = [
        f"--config.file={path / 'prometheus.yml'}",
        f"--storage.tsdb.path={path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.external-url=http://metrics.example.org/metrics-of/prod",
        "--log.level=warn",
    ]
    with (path / "log").open("wb") as log:
        return subprocess.Popen([str(binary), *options], stdout=log, stderr=log)


def _configuration(site: Site) -> dict[str, Any]:
    """One target for each host, named as a target of its own would be."""
    jobs = [
        {
            "job_name": name,
            "metrics_path": f"/metrics/{name}",
            "static_configs": [
                {
                    "targets": [site.origin.removeprefix("http://")],
                    "labels": {"instance": f"{name}:{PORT}", "cluster": 'prod "one"'},
                }
            ],
        }
        for name in site.hosts
    ]
    return {"global": {"scrape_interval": f"{SCRAPE:g}s"}, "scrape_configs": jobs}


def _compared(site: Site, url: str) -> dict[str, Any]:
    """Usage over the last period against the curves, once there is a period of samples."""
    document: dict[str, Any] = {
        "name": "real",
        "dialect": "libvirt",
        "url": url,
        "labels": {"cluster": 'prod "one"'},
    }
    document["resolution"] = RESOLUTION
    source = Datasource.of(document, load().dialects)
    needs = [Need(n.metric, PERIOD, hold=HOLD if n.metric.startswith("instance") else 0) for n in NEEDS]
    begun = time.monotonic()
    _await(url)
    time.sleep(max(PERIOD, 3 * RESOLUTION) + 5 * SCRAPE)
    cluster = site.observe()
    usage = measure(source, needs, METRICS, cluster, now=site.now())
    believed = gate.admitted(usage, needs, strategy(), cluster, METRICS)
    time.sleep(60 - time.time() % 60 + SCRAPE)  # a subquery looks at whole minutes
    least, most = (
        measure(source, [Need(n.metric, 60.0, kind) for n in needs], METRICS, cluster, now=site.now())
        for kind in ("min", "max")
    )
    # How many there are, for a minute of samples is too little for what looks back five.
    extremes = [sum(map(len, usage.values.values())) for usage in (least, usage, most)]
    off: dict[str, float] = {}
    count = 0
    for metric, of in site.truth(PERIOD).items():
        off[metric], count = _off(of, [believed.of(metric)]), count + len(of)
        if metric in believed.courses:
            off[f"course of {metric}"] = _off(of, _windows(believed, metric))
    return {
        "bench": "real_prometheus",
        "version": _version(url),
        "cloud": site.name,
        "hosts": len(site.hosts),
        "numbers": count,
        "queries": 2,  # one for all metrics, and one for their course
        "min_mean_max_numbers": extremes,
        "worst": round(max(off.values()), 5),
        "worst_by_metric": {name: round(value, 5) for name, value in off.items()},
        "seconds": round(time.monotonic() - begun, 1),
    }


def _off(truth: Mapping[str, float], told: Sequence[Mapping[str, float]]) -> float:
    """By a part of the number, and of a thousandth of the greatest where there is next to nothing."""
    little = max(truth.values()) / 1000
    return max(abs(one[s] - number) / max(number, little) for one in told for s, number in truth.items())


def _windows(usage: Usage, metric: str) -> list[dict[str, float]]:
    """The numbers of each window: within a minute the curves of a day hardly move."""
    course = usage.courses[metric].values
    return [
        {s: float(of[n] or 0) for s, of in course.items()} for n in range(len(next(iter(course.values()))))
    ]


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


if __name__ == "__main__":
    sys.exit(main())
