"""The judge's own arithmetic of load: what hosts bear, from the `usage` of a Snapshot document."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from tests.judge.picture import Picture

Row = Mapping[str, Any]
METRICS = {"cpu": ("instance_cpu_usage", "host_cpu_usage"), "ram": ("instance_ram_usage", "host_ram_usage")}


class Loads:
    """Loads of hosts in percent, wherever the instances are: what a host uses of its own stays with it."""

    def __init__(self, picture: Picture, usage: Row, word: str, *, alone: bool = False) -> None:
        """`alone`: what instances use, whatever was measured of the hosts."""
        instance, host = METRICS[word]
        measured = usage["values"][instance]
        self.word, self.own = word, dict.fromkeys(picture.hosts, 0.0)
        self.has = {h: self._of(row.get("inventory", {}), "total") for h, row in picture.hosts.items()}
        self.used = {
            u: self._amount(picture.instances[u], v) for u, v in measured.items() if u in picture.instances
        }
        for name, value in ({} if alone else usage["values"].get(host, {})).items():
            whole = value * self.has[name] / 100 if word == "cpu" else value
            self.own[name] = max(0.0, whole - sum(self.used.get(u, 0.0) for u in picture.guests(name)))

    def _of(self, row: Row, key: str = "") -> float:
        names = ("VCPU", "PCPU") if self.word == "cpu" else ("MEMORY_MB",)
        return float(sum(row[n][key] if key else row[n] for n in names if n in row))

    def _amount(self, instance: Row, value: float) -> float:
        return value / 100 * self._of(instance.get("resources", {})) if self.word == "cpu" else value

    def percent(self, where: Mapping[str, str | None]) -> dict[str, float]:
        """By host that has any of it, with the instances at these places."""
        bears = dict(self.own)
        for uuid, value in self.used.items():
            if (at := where.get(uuid)) in bears:
                bears[str(at)] += value
        return {h: 100 * bears[h] / has for h, has in self.has.items() if has}


def deviation(picture: Picture, word: str, where: Mapping[str, str | None], *, alone: bool) -> float:
    """Of the hosts that serve, in percent: how far they are from what they bear all together."""
    loads = Loads(picture, picture.usage, word, alone=alone)
    serve = {h: v for h, v in loads.percent(where).items() if picture.enabled(h) and picture.up(h)}
    if not serve:
        return 0.0
    together = sum(v * loads.has[h] for h, v in serve.items()) / sum(loads.has[h] for h in serve)
    return sqrt(sum((v - together) ** 2 for v in serve.values()) / len(serve))
