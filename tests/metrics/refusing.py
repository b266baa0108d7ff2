"""Each kind of bad metric that a real Prometheus has scraped is refused by name: metric, trouble, of whom."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from activities.metrics import gate, subjects
from activities.metrics.measure import measure
from plan_schemas.catalog import load
from plan_schemas.dialect import Datasource
from plan_schemas.frozen import EMPTY, FrozenDict, freeze
from plan_schemas.model import Cluster
from plan_schemas.needs import Need
from plan_schemas.plan import Refused
from plan_schemas.usage import Usage
from tests.metrics.numbers import METRICS, NEEDS, strategy
from tests.metrics.sites import Site
from tests.metrics.spoiling import KINDS, Kind, Spoiler, Victim

MAX_AGE = 15.0  # seconds of the newest sample, that a test may wait for it
RESOLUTION = 10.0  # seconds of a course's windows, of which a pause must fill one
PATIENCE = 90.0
ENOUGH = 12  # instances, of which a fallback of 10 % may speak for one
FEW = 3  # hosts; and of so few numbers that are all next to nothing the unit is doubted
APART = 3600.0  # seconds between snapshot and usage: the snapshot is taken once
BAD = {
    name: replace(metric, stale_after_seconds=MAX_AGE, suspicious_subjects=FEW)
    for name, metric in METRICS.items()
}
FALLBACK = load().strategies["workload_balance"].metrics_fallback


@dataclass(frozen=True)
class Found:
    """What was said of one kind, and whether it was what must be said."""

    kind: Kind
    said: str
    seconds: float  # since it began to be told
    missed: tuple[str, ...] = ()  # of what must be said
    instead: str = ""  # what becomes of holes where a strategy declares it


def small(site: Site, cluster: Cluster) -> Cluster:
    """A few hosts of a cloud, with what is on them: every kind of trouble needs targets of its own."""
    measured = subjects.measured(METRICS["instance_cpu_usage"], cluster)
    on = Counter(str(cluster.instances[uuid].host) for uuid in measured)
    hosts: list[str] = []
    for name in sorted(set(on) & set(site.hosts)):
        if len(hosts) >= FEW and sum(on[host] for host in hosts) >= ENOUGH:
            break
        hosts.append(name)
    instances = {uuid: one for uuid, one in cluster.instances.items() if one.host in hosts}
    here = {name: cluster.hosts[name] for name in hosts}
    return replace(cluster, hosts=FrozenDict(here), instances=FrozenDict(instances))


def chosen(cluster: Cluster) -> Victim:
    """The first instance that is measured, and its host."""
    uuid = min(subjects.measured(METRICS["instance_cpu_usage"], cluster))
    return Victim(str(cluster.instances[uuid].host), uuid)


def source(url: str, kind: Kind) -> Datasource:
    """What is scraped of one kind has a label of its own."""
    document: dict[str, Any] = {"name": kind.name, "dialect": "libvirt", "url": url}
    document |= {"labels": {"cluster": kind.name}, "resolution": RESOLUTION}
    found = Datasource.of(document, load().dialects)
    # The dialect looks for samples of 15 minutes minute by minute; here a few seconds count.
    finely = {
        name: replace(question, newest=question.newest.replace(":1m]", ":1s]"))
        for name, question in found.metrics.items()
    }
    return replace(found, metrics=freeze(finely))


class Refusing:
    def __init__(self, url: str, site: Site, cluster: Cluster, victim: Victim, spoiler: Spoiler) -> None:
        self._url, self._site, self._cluster = url, site, cluster
        self._victim, self._spoiler = victim, spoiler

    def all(self) -> Iterator[Found]:
        """Each is well before it begins; all begin together, for each has targets of its own."""
        for kind in KINDS:
            self._await_good(kind)
        begun = time.monotonic()
        self._spoiler.begun |= {kind.name for kind in KINDS}
        for kind in sorted(KINDS, key=lambda kind: kind.hold):  # a pause is over last
            if kind.hold:
                time.sleep(max(0.0, begun + 2 * RESOLUTION + 2 - time.monotonic()))
                self._spoiler.begun.discard(kind.name)
            yield self._found(kind, begun)

    def _await_good(self, kind: Kind) -> None:
        deadline = time.monotonic() + PATIENCE
        while said := self._said(kind, self._usage(kind)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{kind.name} is refused before anything is wrong: {said}")
            time.sleep(1)

    def _found(self, kind: Kind, begun: float) -> Found:
        deadline = time.monotonic() + PATIENCE
        while True:
            usage = self._usage(kind)
            said = self._said(kind, usage)
            instead = self._said(kind, usage, FALLBACK) if kind.is_hole else ""
            missed = tuple(self._missed(kind, said, instead))
            if not missed or time.monotonic() > deadline:
                return Found(kind, said, time.monotonic() - begun, missed, instead)
            time.sleep(1)

    def _usage(self, kind: Kind) -> Usage:
        needs = self._needs(kind)
        return measure(source(self._url, kind), needs, BAD, self._cluster, now=self._site.now())

    def _needs(self, kind: Kind) -> list[Need]:
        held = (kind.hold if need.metric.startswith("instance") else 0.0 for need in NEEDS)
        return [Need(need.metric, kind.period, hold=hold) for need, hold in zip(NEEDS, held)]

    def _said(self, kind: Kind, usage: Usage, fallback: Mapping[str, Any] = EMPTY) -> str:
        """Why the usage is refused; nothing, or what a fallback makes of its holes, where it is believed."""
        hungry = strategy(metrics_fallback=fallback)
        try:
            return "; ".join(
                gate.admitted(usage, self._needs(kind), hungry, self._cluster, BAD, APART).assumed
            )
        except Refused as refusal:
            return str(refusal)

    def _missed(self, kind: Kind, said: str, instead: str) -> Iterator[str]:
        names = {"host": self._victim.host, "instance": self._victim.uuid}
        for metric, trouble, who in kind.expected:
            alone = rf"{metric}: 1 {who} of [^;]*\({trouble}\): [^;]*\b{names.get(who)}\b"
            anybody = rf"{metric}: (?:(?!\w+_usage: ).)*\({trouble}\)"
            if not re.search(alone if who else anybody, said):
                yield f"{metric} ({trouble}) of {names.get(who, 'whoever')}"
            if kind.is_hole and not re.search(
                rf"{metric}: 1 {who} of [^;]* left alone, [^;]*{trouble}", instead
            ):
                yield f"what becomes of {metric}"
        for other in sorted(set(re.findall(r"(\w+_usage): ", said)) - {one[0] for one in kind.expected}):
            yield f"nothing of {other}"


def table(found: list[Found]) -> str:
    """What was served, and what was said."""
    lines = []
    for one in found:
        lines += [
            f"{one.kind.name} ({one.kind.told}), after {one.seconds:.0f} s",
            f"    {one.said or 'nothing'}",
        ]
        if one.instead:
            lines.append(f"    with the fallback of workload_balance: {one.instead}")
        if one.missed:
            lines.append(f"    MUST SAY: {', '.join(one.missed)}")
    return "\n".join(lines)
