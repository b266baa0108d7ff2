"""The fewest hosts that hold a cloud, and of all such plans the fewest moves, by CP-SAT.

Runs in .venv-oracle, alone: a problem (tests/oracle/problem.py) as JSON on the standard input, an answer on
the standard output. Knows nothing of Ballast. `python solver.py SECONDS WORKERS` limits the search.

A host is kept with all that is on it, or all that is on it goes to kept hosts. What is alike and without
company is counted, not told apart: that is what makes an exact answer possible.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from typing import Any

from ortools.sat.python import cp_model

Row = dict[str, Any]
Key = tuple[Any, ...]
DONE = {cp_model.OPTIMAL: True, cp_model.FEASIBLE: False}


class Cloud:
    """The problem in numbers: what is counted by kind and host, and what must be placed one by one."""

    def __init__(self, problem: Row) -> None:
        self.hosts: list[Row] = problem["hosts"]
        number = {host["name"]: h for h, host in enumerate(self.hosts)}
        self.classes = sorted({name for one in problem["instances"] for name in one["needs"]})
        self.capacity = [[_capacity(host, name) for name in self.classes] for host in self.hosts]
        self.here: Counter[int] = Counter()
        self.kinds: dict[Key, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        self.single: dict[str, tuple[Key, int]] = {}
        particular = {uuid for members in problem["apart"] for uuid in members}
        for one in problem["instances"]:
            needs = tuple(one["needs"].get(name, 0) for name in self.classes)
            key, home = (needs, one["zone"], tuple(sorted(one["traits"]))), number[one["host"]]
            self.here[home] += 1
            if one["uuid"] in particular:
                self.single[one["uuid"]] = (key, home)
            else:
                self.kinds[key][home].append(one["uuid"])
        self.apart: list[list[str]] = problem["apart"]

    def allowed(self, key: Key) -> list[int]:
        """The hosts that such an instance may be on, room aside."""
        _, zone, traits = key
        return [
            h
            for h, host in enumerate(self.hosts)
            if zone in (None, host["zone"]) and set(traits) <= set(host["traits"])
        ]


def _capacity(host: Row, name: str) -> int:
    offered = host["inventory"].get(name, {"total": 0, "reserved": 0, "ratio": 1.0})
    return int((offered["total"] - offered["reserved"]) * offered["ratio"])


class Model:
    """Which hosts are kept, how many of each kind arrive where, and where each particular instance goes."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.model = cloud, cp_model.CpModel()
        self.keep = [self.model.new_bool_var(f"keep {h}") for h in range(len(cloud.hosts))]
        self.arrive: dict[tuple[Key, int], Any] = {}
        self.goes: dict[tuple[str, int], Any] = {}
        self.load: dict[int, list[tuple[Any, tuple[int, ...]]]] = defaultdict(list)
        for key, at in cloud.kinds.items():
            self._kind(key, at)
        for uuid, (key, home) in cloud.single.items():
            self._single(uuid, key, home)
        self._company()
        self._room()
        self.used = [k for h, k in enumerate(self.keep) if cloud.here[h]]

    def _kind(self, key: Key, at: dict[int, list[str]]) -> None:
        whole = sum(len(uuids) for uuids in at.values())
        leaving = sum(len(uuids) * (1 - self.keep[h]) for h, uuids in at.items())
        arriving = []
        for h in self.cloud.allowed(key):
            count = self.arrive[key, h] = self.model.new_int_var(0, whole, f"{key} to {h}")
            self.load[h].append((count, key[0]))
            arriving.append(count)
        self.model.add(sum(arriving) == leaving)
        for h, uuids in at.items():
            self.load[h].append((len(uuids) * self.keep[h], key[0]))

    def _single(self, uuid: str, key: Key, home: int) -> None:
        options = []
        for h in self.cloud.allowed(key):
            if h != home:
                there = self.goes[uuid, h] = self.model.new_bool_var(f"{uuid} to {h}")
                self.load[h].append((there, key[0]))
                options.append(there)
        self.load[home].append((1 * self.keep[home], key[0]))
        self.model.add_exactly_one([self.keep[home], *options])

    def _company(self) -> None:
        """Of those that are to be apart, one at most on each host."""
        for members in self.cloud.apart:
            on: dict[int, list[Any]] = defaultdict(list)
            for uuid in members:
                home = self.cloud.single[uuid][1]
                on[home].append(self.keep[home])
                for h in range(len(self.keep)):
                    if (uuid, h) in self.goes:
                        on[h].append(self.goes[uuid, h])
            for there in on.values():
                if len(there) > 1:
                    self.model.add_at_most_one(there)

    def _room(self) -> None:
        for h, kept in enumerate(self.keep):
            for column, capacity in enumerate(self.cloud.capacity[h]):
                load = sum(needs[column] * count for count, needs in self.load[h])
                self.model.add(load <= capacity * kept)

    def moves(self) -> Any:
        here = self.cloud.here
        return sum(here[h] * (1 - k) for h, k in enumerate(self.keep) if here[h])


def solve(cloud: Cloud, seconds: float, workers: int) -> Row:
    """First the fewest hosts in half of the time, then with as many the fewest moves."""
    began, made = time.monotonic(), Model(cloud)
    made.model.minimize(sum(made.keep))
    first, status = _search(made.model, seconds / 2, workers)
    if status not in DONE:
        return {"hosts": None, "status": first.status_name(status), "seconds": time.monotonic() - began}
    hosts = round(first.objective_value)
    answer: Row = {
        "hosts": hosts,
        "hosts_proved": DONE[status],
        "hosts_bound": round(first.best_objective_bound),
    }
    for variable in (*made.keep, *made.arrive.values(), *made.goes.values()):
        made.model.add_hint(variable, first.value(variable))
    made.model.add(sum(made.keep) <= hosts)
    made.model.minimize(made.moves())
    left = max(seconds / 2, seconds - (time.monotonic() - began))
    second, status = _search(made.model, left, workers)
    best, found = (second, True) if status in DONE else (first, False)
    return answer | {
        "moves": sum(cloud.here[h] for h, k in enumerate(made.keep) if not best.value(k)),
        "moves_proved": found and DONE[status],
        "moves_bound": round(second.best_objective_bound) if found else 0,
        "places": _places(made, best),
        "seconds": round(time.monotonic() - began, 2),
    }


def _search(model: cp_model.CpModel, seconds: float, workers: int) -> tuple[cp_model.CpSolver, Any]:
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = 1
    return solver, solver.solve(model)


def _places(made: Model, found: cp_model.CpSolver) -> dict[str, str]:
    """Where everything goes that is on a host that is not kept."""
    cloud, out = made.cloud, {}
    for key, at in cloud.kinds.items():
        leaving = [uuid for h, uuids in at.items() if not found.value(made.keep[h]) for uuid in uuids]
        for h in cloud.allowed(key):
            for _ in range(found.value(made.arrive[key, h])):
                out[leaving.pop()] = cloud.hosts[h]["name"]
    for (uuid, h), there in made.goes.items():
        if found.value(there):
            out[uuid] = cloud.hosts[h]["name"]
    return out


if __name__ == "__main__":
    asked = Cloud(json.load(sys.stdin))
    json.dump(solve(asked, float(sys.argv[1]), int(sys.argv[2])), sys.stdout)
