"""How near plans come to the shortest there can be (P5, P9): `python -m tests.bench.scheduling`, JSON lines.

`own`: hosts emptied onto the others, as consolidation does, planned and forecast under three limits per host
and a global one. `noise`: the same carried out by the plan's own state machine while durations vary
(lognormal, sigma 0.6), against the bound for what they turned out to be; `known` is what the same plan would
have come to by simple rules if these durations had been known before, so how much is the price of
not knowing them. `exchange`: half of the instances change places at 70-75 % of the memory; `crowded`: some of
them at 90-93 %, where it must end and may need a third host.
"""

from __future__ import annotations

import argparse
import heapq
import json
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from activities.planner import bounds, plan, schedule
from activities.planner.names import name
from activities.planner.order import order
from activities.planner.soonest import soonest
from activities.planner.step import step
from activities.planner.verify import verify
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, ActionState, Change, Execution, Limits, Plan
from tests.bench.clouds import cloud
from workflows.progress import Progress

GOALS = {"own": 1.02, "noise": 1.05, "exchange": 1.25}
PER_HOST = ((1, 1), (1, 2), (2, 2))
SIGMA = 0.6
ROOM = ("MEMORY_MB", "VCPU")
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A kind of plan on a cloud of a seed, and the moves that are wanted."""

    kind: str
    hosts: int
    seed: int
    cluster: Cluster
    changes: tuple[Change, ...]

    @property
    def limits(self) -> Iterator[Limits]:
        most = 10**6
        yield from (Limits(most, out, into) for out, into in PER_HOST)
        if self.kind == "own":
            yield Limits(max(2, self.hosts // 20), 1, 2)


def case(kind: str, hosts: int, seed: int) -> Case:
    if kind == "own":
        cluster = cloud(hosts, seed=seed)
        return Case(kind, hosts, seed, cluster, tuple(emptied(cluster)))
    fill, share = ((0.70, 0.75), 0.5) if kind == "exchange" else ((0.90, 0.93), 0.1)
    cluster = cloud(hosts, seed=seed, fill=fill)
    return Case(kind, hosts, seed, cluster, tuple(exchanged(cluster, share, seed)))


class _Places:
    """Who is where, and what each host has left, in memory and vcpus."""

    def __init__(self, cluster: Cluster) -> None:
        self.at = {uuid: str(i.host) for uuid, i in cluster.instances.items()}
        self.needs = {u: [i.resources.get(k, 0) for k in ROOM] for u, i in cluster.instances.items()}
        self.free = {h: [cluster.free(h).get(k, 0) for k in ROOM] for h in cluster.hosts}

    def put(self, uuid: str, host: str) -> None:
        for k, need in enumerate(self.needs[uuid]):
            self.free[self.at[uuid]][k] += need
            self.free[host][k] -= need
        self.at[uuid] = host

    def fits(self, uuid: str, host: str) -> bool:
        return all(need <= self.free[host][k] for k, need in enumerate(self.needs[uuid]))

    def swap(self, one: str, two: str) -> None:
        """Both change places if both fit afterwards."""
        first, second = self.at[one], self.at[two]
        self.put(one, second)
        self.put(two, first)
        if min(*self.free[first], *self.free[second]) < 0:
            self.put(one, first)
            self.put(two, second)


def emptied(cluster: Cluster) -> Iterator[Change]:
    """As many of the emptiest hosts as go onto the fullest others, each with all that it holds."""
    places = _Places(cluster)
    by_free = sorted(cluster.hosts, key=lambda h: (-places.free[h][0], h))
    kept = by_free[::-1]
    for host in by_free:
        moved: list[str] = []
        for one in sorted(cluster.on(host), key=lambda i: (-places.needs[i.uuid][0], i.uuid)):
            there = next((h for h in kept if h != host and places.fits(one.uuid, h)), None)
            if there is None:
                for uuid in moved:
                    places.put(uuid, host)
                return
            places.put(one.uuid, there)
            moved.append(one.uuid)
        kept.remove(host)
        kept = [h for h in kept if places.free[h][0] >= 1024]
        yield _closed(host)
        yield from (_move(uuid, host, places.at[uuid]) for uuid in moved)


def exchanged(cluster: Cluster, share: float, seed: int) -> Iterator[Change]:
    """Pairs change places again and again, so that in the end everything fits."""
    dice, places = Random(seed), _Places(cluster)
    home = dict(places.at)
    chosen = dice.sample(sorted(home), int(share * len(home)))
    for _ in range(6 * len(chosen)):
        places.swap(*dice.sample(chosen, 2))
    yield from (_move(u, home[u], places.at[u]) for u in sorted(chosen) if home[u] != places.at[u])


def _move(uuid: str, source: str, destination: str) -> Change:
    where = {"instance": uuid, "source": source, "destination": destination, "kind": "live"}
    return Change("migrate", FrozenDict(where), "measured")


def _closed(host: str) -> Change:
    state = {"host": host, "state": "disabled", "reason": "ballast: measured"}
    return Change("change_nova_service_state", FrozenDict(state), "measured")


def measured(case: Case) -> Iterator[Row]:
    """A line for each of the limits, and another for what noise makes of it."""
    cluster = case.cluster
    rules = Rules(frozenset(cluster.hosts), allow=frozenset(("live", "service")))
    begun = time.process_time()
    names = name(case.changes, cluster)
    ordered = order([step(c, n, i) for n, (c, i) in enumerate(zip(case.changes, names))], cluster, rules)
    found, _ = plan.actions_of(ordered, cluster, 3)
    took = time.process_time() - begun
    for limits in case.limits:
        begun = time.process_time()
        actions, timing = soonest(found, {}, Occupancy(cluster), limits)
        verify(actions, cluster)
        whole = took + time.process_time() - begun
        row = {
            "bench": "scheduling",
            "kind": case.kind,
            "hosts": case.hosts,
            "seed": case.seed,
            "limits": f"{limits.out_per_host}/{limits.in_per_host}" + _global(limits),
            "moves": sum(a.touches.into is not None for a in actions),
            "third_hosts": sum(a.id.endswith("-via") for a in actions),
            "refused": len(ordered.refused),
            "ratio": _ratio(timing.value, timing.bound),
            "goal": GOALS.get(case.kind),
            "seconds": round(whole, 4),
            "seconds_of_the_bound": round(_of_the_bound(actions, limits, cluster), 4),
        }
        yield row
        if case.kind != "crowded":
            lasted, known, limit = noisy(actions, cluster, limits, case.seed)
            yield {
                **row,
                "kind": f"{case.kind}, noise",
                "ratio": _ratio(lasted, limit),
                "known": _ratio(known, limit),
                "goal": GOALS["noise"] if case.kind == "own" else None,
            }


def _of_the_bound(actions: Sequence[Action], limits: Limits, cluster: Cluster) -> float:
    """The median of three: a collection of all that the process holds, which comes to whoever happens to be
    at work then, lasts four times as long as the bound."""
    took: list[float] = []
    for _ in range(3):
        begun = time.process_time()
        bounds.makespan(actions, limits, Occupancy(cluster))
        took.append(time.process_time() - begun)
    return statistics.median(took)


def _global(limits: Limits) -> str:
    return f"/{limits.parallel}" if limits.parallel < 10**6 else ""


def _ratio(value: float, limit: float) -> float:
    return round(value / limit, 4) if limit else 1.0


def noisy(
    actions: Sequence[Action], cluster: Cluster, limits: Limits, seed: int
) -> tuple[float, float, float]:
    """Carried out with other durations than expected: how long it lasts, how long it would with the longest
    first if they had been known, and what no order could beat."""
    dice = Random(seed)
    true = {a.id: a.seconds * dice.lognormvariate(0.0, SIGMA) for a in actions}
    document = Plan("noise", "bench", "", Execution(limits=limits), FrozenDict(), tuple(actions))
    progress, now, running = Progress(document), 0.0, list[tuple[float, str]]()
    while True:
        for id in progress.startable():
            heapq.heappush(running, (now + true[id], id))
        if not running:
            break
        now, id = heapq.heappop(running)
        progress.finish(id, ActionState.SUCCEEDED)
    lasted = tuple(replace(a, seconds=true[a.id]) for a in actions)
    known = min(
        now, *(schedule.makespan(lasted, limits, r) for r in (true, schedule.priorities(lasted, limits)))
    )
    return now, known, bounds.makespan(lasted, limits, Occupancy(cluster))


def summary(rows: Iterable[Row]) -> Iterator[str]:
    """Worst and median of each kind, size and limits."""
    groups: dict[tuple[str, int, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["hosts"], row["limits"]), []).append(row)
    for (kind, hosts, limits), here in groups.items():
        ratios = [r["ratio"] for r in here]
        yield (
            f"{kind:<16}{hosts:>6} hosts {limits:<8} {len(here):>3} seeds  worst {max(ratios):.3f}  "
            f"median {statistics.median(ratios):.3f}  goal {here[0]['goal']}  third hosts "
            f"{sum(r['third_hosts'] for r in here)}  refused {sum(r['refused'] for r in here)}  "
            f"seconds {max(r['seconds'] for r in here)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scheduling", description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[50, 500, 5000])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", default=["own", "exchange", "crowded"])
    given = parser.parse_args()
    kept = Path("var/bench")
    kept.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with (kept / "scheduling.jsonl").open("w") as file:
        for kind in given.kinds:
            for hosts in given.hosts:
                for seed in range(given.first_seed, given.first_seed + given.seeds):
                    for row in measured(case(kind, hosts, seed)):
                        rows.append(row)
                        print(json.dumps(row), flush=True)
                        file.write(f"{json.dumps(row)}\n")
    for line in summary(rows):
        print(line)


if __name__ == "__main__":
    main()
