"""`python -m tests.metrics.real_prometheus`: a real Prometheus scrapes the exporters of a cloud's hosts.

They are a simulated cloud's, or with `--cloud devcloud` those of a devcloud that runs, whose servers and
hosts the real Nova tells. Usage that Ballast reads, by the dialect `libvirt` and behind a path of its own,
must equal what the load curves say within 1 %, and so must the course that a `hold` asks for. Then exporters
tell each kind of bad metric, and each must be refused by name. Prints what was said of each kind on stderr
and one JSON object; exit status 1 if anything is not so, 3 if there is no devcloud, 4 and the reason in one
line if there can be no Prometheus here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from activities.metrics import gate
from activities.metrics.measure import measure
from activities.metrics.prometheus import ask
from deploy.devcloud import debian
from deploy.devcloud.processes import DidNotStart
from deploy.loopback import free_ports
from plan_schemas.catalog import load
from plan_schemas.dialect import Datasource
from plan_schemas.model import Cluster
from plan_schemas.needs import Need
from plan_schemas.plan import Refused
from plan_schemas.usage import Usage
from tests.metrics import sites
from tests.metrics.numbers import METRICS, NEEDS, strategy
from tests.metrics.refusing import Found, Refusing, chosen, small, table
from tests.metrics.sites import Site
from tests.metrics.spoiling import KINDS, spoiling

SCRAPE, PERIOD = 2.0, 60.0  # seconds; on a busy machine a scrape may come half a second late
SELDOM = 3.0  # seconds between scrapes of bad metrics: many targets, of which no number is compared
RESOLUTION = HOLD = 20.0  # of the course: three windows
WITHIN = 0.01
ONCE = {"query": 1, "query_range": 1}  # one for all metrics, and one for their course
PATIENCE = 120.0
PROGRAM = "prometheus"
CLUSTER = 'prod "one"'
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
    is_true = found["worst"] <= WITHIN and len(set(found["min_mean_max_numbers"])) == 1
    return 0 if is_true and found["queries"] == ONCE and not found["not_refused"] else 1


def _scraped(binary: Path, site: Site) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        port = free_ports({"prometheus": 9090})["prometheus"]
        process = _start(binary, path, port, site)
        try:
            return _measured(process, path, site, f"http://127.0.0.1:{port}/metrics-of/prod")
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
    _configure(path, list(_targets(site.hosts, site.origin, "metrics", CLUSTER, SCRAPE)))
    options = [
        f"--config.file={path / 'prometheus.yml'}",
        f"--storage.tsdb.path={path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.external-url=http://metrics.example.org/metrics-of/prod",
        "--log.level=warn",
    ]
    with (path / "log").open("wb") as log:
        return subprocess.Popen([str(binary), *options], stdout=log, stderr=log)


def _configure(path: Path, jobs: Sequence[Mapping[str, Any]]) -> None:
    (path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": jobs}))


def _targets(
    hosts: Sequence[str], origin: str, folder: str, cluster: str, every: float
) -> Iterator[dict[str, Any]]:
    """One target for each host, named as a target of its own would be."""
    for name in hosts:
        labels = {"instance": f"{name}:{PORT}", "cluster": cluster}
        yield {
            "job_name": f"{folder} {name}",
            "scrape_interval": f"{every:g}s",
            "scrape_timeout": f"{every:g}s",
            "metrics_path": f"/{folder}/{name}",
            "static_configs": [{"targets": [origin.removeprefix("http://")], "labels": labels}],
        }


def _measured(process: subprocess.Popen[bytes], path: Path, site: Site, url: str) -> dict[str, Any]:
    """The truth first, then what is bad; the extremes last, for they look at a whole minute."""
    begun = time.monotonic()
    _await(url)
    cluster = site.observe()  # first, for a simulated cloud that is read does not answer scrapes in time
    time.sleep(max(PERIOD, 3 * RESOLUTION) + 5 * SCRAPE)
    compared, mean = _compared(site, url, cluster)
    bad = _refused(process, path, site, url, cluster)
    print(table(bad), file=sys.stderr)
    least, most = (
        measure(_source(url), [Need(n.metric, PERIOD, kind) for n in NEEDS], METRICS, cluster, now=site.now())
        for kind in ("min", "max")
    )
    return {
        "bench": "real_prometheus",
        "version": _version(url),
        "cloud": site.name,
        "hosts": len(site.hosts),
        **compared,
        # How many there are, for a minute of samples is too little for what looks back five.
        "min_mean_max_numbers": [sum(map(len, usage.values.values())) for usage in (least, mean, most)],
        "refused": [one.kind.name for one in bad if not one.missed],
        "not_refused": {one.kind.name: one.missed for one in bad if one.missed},
        "seconds": round(time.monotonic() - begun, 1),
    }


def _source(url: str) -> Datasource:
    document: dict[str, Any] = {"name": "real", "dialect": "libvirt", "url": url}
    document |= {"labels": {"cluster": CLUSTER}, "resolution": RESOLUTION}
    return Datasource.of(document, load().dialects)


def _compared(site: Site, url: str, cluster: Cluster) -> tuple[dict[str, Any], Usage]:
    """Usage over the last period against the curves, and what Prometheus itself says that it was asked."""
    needs = [Need(n.metric, PERIOD, hold=HOLD if n.metric.startswith("instance") else 0) for n in NEEDS]
    deadline = time.monotonic() + PATIENCE
    while True:
        before = _asked(url)
        usage = measure(_source(url), needs, METRICS, cluster, now=site.now())
        queries = {path: count - before[path] for path, count in _asked(url).items()}
        try:
            believed = gate.admitted(usage, needs, strategy(), cluster, METRICS)
            break
        except Refused:  # on a busy machine a scrape may have come too late
            if time.monotonic() > deadline:
                raise
            time.sleep(SCRAPE)
    off: dict[str, float] = {}
    count = 0
    for metric, of in site.truth(PERIOD).items():
        off[metric], count = _off(of, [believed.of(metric)]), count + len(of)
        if metric in believed.courses:
            off[f"course of {metric}"] = _off(of, _windows(believed, metric))
    found = {
        "numbers": count,
        "queries": queries,
        "worst": round(max(off.values()), 5),
        "slowest_scrape_seconds": round(_slowest(_source(url)), 3),  # by which a counter may be late
        "worst_by_metric": {name: round(value, 5) for name, value in off.items()},
    }
    return found, usage


def _refused(
    process: subprocess.Popen[bytes], path: Path, site: Site, url: str, cluster: Cluster
) -> list[Found]:
    """A few of the hosts once more for each kind of bad metric, under another label."""
    cluster = small(site, cluster)
    victim = chosen(cluster)
    with spoiling(site.origin, victim) as (spoiler, origin):
        good = _targets(site.hosts, site.origin, "metrics", CLUSTER, SCRAPE)
        hosts = list(cluster.hosts)
        spoilt = (one for kind in KINDS for one in _targets(hosts, origin, kind.name, kind.name, SELDOM))
        _configure(path, [*good, *spoilt])
        process.send_signal(signal.SIGHUP)
        return list(Refusing(url, site, cluster, victim, spoiler).all())


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


def _slowest(source: Datasource) -> float:
    rows = ask(source, f"max(max_over_time(scrape_duration_seconds[{PERIOD:g}s]))")
    return float(rows[0]["value"][1])


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


def _asked(url: str) -> dict[str, int]:
    """How many requests Prometheus has answered, by its own counter."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as reply:  # noqa: S310
        lines = reply.read().decode().splitlines()
    found = dict.fromkeys(ONCE, 0)
    for line in lines:
        told = re.match(r'prometheus_http_requests_total\{.*handler="/api/v1/(\w+)"\} (\S+)', line)
        if told and told[1] in found:
            found[told[1]] += round(float(told[2]))
    return found


def _version(url: str) -> str:
    with urllib.request.urlopen(f"{url}/api/v1/status/buildinfo", timeout=5) as reply:  # noqa: S310
        return str(json.load(reply)["data"]["version"])


if __name__ == "__main__":
    sys.exit(main())
