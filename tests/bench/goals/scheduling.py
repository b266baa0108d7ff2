"""P5, P6 and P9 of the planner: how near plans come to the shortest there can be, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench import scheduling
from tests.bench.alone import Row, peak_mb
from tests.bench.costs import cost
from tests.bench.jobs import SIZES, Job
from tests.bench.table import Goal

GOALS = [
    Goal("P5 own", "makespan / bound of hosts emptied onto the others", worst=1.02),
    Goal("P5 noise", "the same carried out with other durations than expected, sigma 0.6", worst=1.05),
    Goal("P5 exchange", "makespan / bound when half of the instances change places at 75 %", worst=1.25),
    Goal("P9 planner", "processor time of the bound / of planning", worst=0.05),
]
NAMES = {"own": "P5 own", "own, noise": "P5 noise", "exchange": "P5 exchange"}


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    """Hosts emptied at every size; exchanges up to 1,000 hosts, which takes as long as all the rest."""
    for hosts in SIZES[:3] if quick else SIZES:
        for seed in seeds:
            yield Job(planned, ("own", hosts, seed), _told, 1.5 + hosts / 200)
    for hosts in (100,) if quick else (100, 400, 1_000):
        for seed in seeds:
            yield Job(planned, ("exchange", hosts, seed), _told, 1.5 + hosts / 30)


def _told(row: Row) -> Iterator[Row]:
    """A row for each of the limits under which the same moves were planned."""
    for one in row["plans"]:
        given = {"hosts": one["hosts"], "seed": one["seed"], "limits": one["limits"], "moves": one["moves"]}
        if one["kind"] in NAMES:
            yield {"goal": NAMES[one["kind"]], **given, "ratio": one["ratio"]}
    if row["kind"] == "own":
        yield cost("planner", row)
        yield {"goal": "P9 planner", "hosts": row["hosts"], "seed": row["seed"], "ratio": row["share"]}


def planned(kind: str, hosts: int, seed: int) -> Row:
    """What came of one case under all limits; the dearest of them counts as what planning costs."""
    list(scheduling.measured(scheduling.case(kind, 20, seed)))  # what is loaded once belongs to no size
    plans = list(scheduling.measured(scheduling.case(kind, hosts, seed)))
    dearest = max(plans, key=lambda one: float(one["seconds"]))
    share = round(dearest["seconds_of_the_bound"] / max(dearest["seconds"], 1e-3), 4)
    told = {"kind": kind, "hosts": hosts, "seed": seed, "constrained": False, "peak_mb": peak_mb()}
    return told | {"plans": plans, "seconds": dearest["seconds"], "share": share}
