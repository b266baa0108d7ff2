"""The best plan there is, by integer programming: for clouds of some twenty hosts of tests/bench/clouds.py.

Order counts for nothing here, so a real plan may have to be longer still; memory, vcpus, zones, traits and
anti-affinity hold at the end. Shares no code with the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from plan_schemas.model import Cluster, Host, Instance

Entries = Sequence[tuple[int, float]]
CLASSES = ("VCPU", "MEMORY_MB")
PATIENCE = 120.0  # seconds; without a proof there is no answer
BELOW = 2e-5  # of a host, beyond the tolerance of the solver
INFEASIBLE = 2  # status of the solver
TANGENTS = np.linspace(-0.35, 0.6, 39)  # where squares are touched, as distances from the mean


class Program:
    """Moves of instances to hosts as 0 or 1, with rows that no plan may break."""

    def __init__(self, cluster: Cluster, cores: Mapping[str, float]) -> None:
        self.cluster, self.hosts = cluster, list(cluster.hosts.values())
        self.guests = list(cluster.instances.values())
        self.load = [cores[i.uuid] for i in self.guests]
        self.has = [float(h.inventory["VCPU"].total) for h in self.hosts]
        self.home = [next(n for n, h in enumerate(self.hosts) if h.name == i.host) for i in self.guests]
        self.moves = [
            (i, h)
            for i, one in enumerate(self.guests)
            for h, host in enumerate(self.hosts)
            if h != self.home[i] and allowed(one, host)
        ]
        self.rows: list[tuple[Entries, float]] = []  # entries and the most that they may come to
        self._placed_once()
        for h in range(len(self.hosts)):
            for name in CLASSES:
                here = sum(self.guests[i].resources[name] for i, at in enumerate(self.home) if at == h)
                room = self.hosts[h].capacity(name) - here
                self.add(self.change(h, [i.resources[name] / 1024 for i in self.guests]), room / 1024)
        self._groups_apart()

    def add(self, entries: Entries, most: float) -> None:
        self.rows.append((entries, most))

    def change(self, host: int, amounts: Sequence[float]) -> list[tuple[int, float]]:
        """What comes to a host less what leaves it."""
        return [
            (n, amounts[i] if h == host else -amounts[i])
            for n, (i, h) in enumerate(self.moves)
            if host in (h, self.home[i])
        ]

    def level(self, host: int) -> float:
        here = sum(load for load, at in zip(self.load, self.home) if at == host)
        return here / self.has[host]

    def shares(self, host: int) -> list[tuple[int, float]]:
        return self.change(host, [load / self.has[host] for load in self.load])

    def solve(self, price: Sequence[float], more: int = 0) -> Any:
        """Least price of moves and of `more` further variables, each 0 or above."""
        whole = len(self.moves)
        at = [(r, n, v) for r, (entries, _) in enumerate(self.rows) for n, v in entries]
        row, column, value = (np.array(part) for part in zip(*at))
        matrix = csr_array((value, (row, column)), shape=(len(self.rows), whole + more))
        return milp(
            np.array(price),
            constraints=LinearConstraint(matrix, -np.inf, [most for _, most in self.rows]),
            integrality=np.array([1] * whole + [0] * more),
            bounds=Bounds(0, np.array([1.0] * whole + [np.inf] * more)),
            options={"time_limit": PATIENCE, "mip_rel_gap": 1e-3},
        )

    def _placed_once(self) -> None:
        own: dict[int, list[tuple[int, float]]] = {}
        for n, (i, _) in enumerate(self.moves):
            own.setdefault(i, []).append((n, 1.0))
        for entries in own.values():
            self.add(entries, 1.0)

    def _groups_apart(self) -> None:
        for group in self.cluster.groups.values():
            one = [float(i.server_group == group.uuid) for i in self.guests]
            for h in range(len(self.hosts)):
                here = sum(o for o, at in zip(one, self.home) if at == h)
                entries = [(n, v) for n, v in self.change(h, one) if v]
                if entries:
                    self.add(entries, 1.0 - here)


def allowed(one: Instance, host: Host) -> bool:
    zone = one.pinned_az is None or one.pinned_az == host.zone
    return zone and (not one.extra_specs or bool(host.traits))


def fewest_relieving(
    cluster: Cluster, cores: Mapping[str, float], threshold: float, cool: set[str]
) -> int | None:
    """Moves after which these hosts are below the threshold and no other has become hot; None: no proof."""
    program = Program(cluster, cores)
    for h, host in enumerate(program.hosts):
        now = program.level(h)
        most = threshold - BELOW if now < threshold or host.name in cool else now
        program.add(program.shares(h), most - now)
    found = program.solve([1.0] * len(program.moves))
    return round(found.fun) if found.status == 0 else None


def relievable(cluster: Cluster, cores: Mapping[str, float], threshold: float, host: str) -> bool | None:
    """Whether any plan, however long, brings the host below the threshold; None: no proof.

    Whoever takes anything is below it at the end: others that are hot may stay so, but then only give.
    """
    program = Program(cluster, cores)
    whole, hosts = len(program.moves), range(len(program.hosts))
    for h in hosts:
        now, shares = program.level(h), program.shares(h)
        if now < threshold or program.hosts[h].name == host:
            program.add(shares, threshold - BELOW - now)
            continue
        program.add([*shares, (whole + h, now - threshold + BELOW)], 0.0)  # 1 as soon as it takes anything
        for n, (_, to) in enumerate(program.moves):
            if to == h:
                program.add([(n, 1.0), (whole + h, -1.0)], 0.0)
    found = program.solve([0.0] * (whole + len(hosts)), len(hosts))
    return {0: True, INFEASIBLE: False}.get(found.status)


def least_deviation(cluster: Cluster, cores: Mapping[str, float], moves: int) -> float | None:
    """No so many moves leave the loads of hosts closer together than this; None: no proof."""
    program, found = _evenest(cluster, cores, moves)
    least = max(found.mip_dual_bound or 0.0, 0.0)
    return float(np.sqrt(least / len(program.hosts))) if found.status == 0 else None


def evenest(cluster: Cluster, cores: Mapping[str, float], moves: int) -> tuple[dict[str, str], float]:
    """A plan, instance -> host, that leaves hardly more than the least deviation, and what it leaves."""
    program, found = _evenest(cluster, cores, moves)
    if found.x is None:
        raise RuntimeError(f"no plan was found: {found.message}")
    at = list(program.home)
    for n, (i, h) in enumerate(program.moves):
        at[i] = h if found.x[n] > 0.5 else at[i]
    level = np.bincount(at, program.load, len(program.hosts)) / program.has
    away = level - sum(program.load) / sum(program.has)
    moved = [(i, h) for i, h in enumerate(at) if h != program.home[i]]
    plan = {program.guests[i].uuid: program.hosts[h].name for i, h in moved}
    return plan, float(np.sqrt((away**2).mean()))


def _evenest(cluster: Cluster, cores: Mapping[str, float], moves: int) -> tuple[Program, Any]:
    program = Program(cluster, cores)
    hosts, whole = range(len(program.hosts)), len(program.moves)
    program.add([(n, 1.0) for n in range(whole)], moves)
    mean = sum(program.load) / sum(program.has)
    for h in hosts:
        away, entries = program.level(h) - mean, program.shares(h)
        for at in TANGENTS:  # square >= 2 at (away + change) - at^2
            touch = [(n, 2 * at * v) for n, v in entries]
            program.add([*touch, (whole + h, -1.0)], at * at - 2 * at * away)
    found = program.solve([0.0] * whole + [1.0] * len(hosts), len(hosts))
    return program, found
