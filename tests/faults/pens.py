"""The cloud of the matrix: pens of two hosts each, so that no run stands in another one's way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
SIZES = ("small", "medium")  # the flavors that a mover has by turns
SECONDS = 2.0  # that a move takes
LONG = 12.0  # that it takes where somebody has to die in the middle of it


@dataclass(frozen=True)
class Pen:
    """Two hosts, a server that moves between them, and one that must stay where it is."""

    number: int

    @property
    def hosts(self) -> tuple[str, str]:
        return f"pen-{2 * self.number + 1}", f"pen-{2 * self.number + 2}"

    @property
    def zone(self) -> str:
        return f"zone-{self.number}"

    @property
    def mover(self) -> str:
        return f"mover-{self.number}"

    @property
    def stayer(self) -> str:
        return f"stayer-{self.number}"

    def uuid(self, state: Row, name: str) -> str:
        return str(next(uuid for uuid, one in state["instances"].items() if one["name"] == name))

    def is_fit(self, state: Row) -> bool:
        """Whether no earlier run has left anything undone here."""
        one = state["instances"][self.uuid(state, self.mover)]
        return bool(one["status"] == "ACTIVE" and one["task_state"] is None)


def declaration(pens: int) -> Row:
    """So many pens as the simulator declares clouds."""
    servers, hosts = [], list[Row]()
    takes = {"live_seconds": SECONDS, "cold_seconds": SECONDS}
    for pen in map(Pen, range(pens)):
        for name in (pen.mover, pen.stayer):  # pinned, so that also what Nova chooses is in the pen
            servers.append({"name": name, "flavor": "small", "host": pen.hosts[0], "pinned_zone": pen.zone})
        hosts += [{"name": name, "zone": pen.zone, **takes} for name in pen.hosts]
    return {
        "name": "pens",
        "seed": 11,
        "hosts": hosts,
        "flavors": [
            {"name": name, "vcpus": vcpus, "memory_mb": 4096, "disk_gb": 20}
            for vcpus, name in enumerate(SIZES, start=2)
        ],
        "servers": servers,
    }
