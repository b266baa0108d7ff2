"""No rule broken at any moment of any plan, as a judge sees it that shares no code with the product."""

from __future__ import annotations

from collections.abc import Iterator

from plan_schemas.catalog import load
from tests.bench import violations
from tests.bench.alone import Row
from tests.bench.jobs import Job
from tests.bench.table import Goal

GOALS = [
    Goal(
        "V broken", "rules broken by all strategies on 200 constrained clouds a seed, at any moment", worst=0
    ),
    Goal("V in vain", "hosts that a consolidation took servers from without emptying them", worst=0),
    Goal(
        "V decided",
        "how often the rule decided that did so least: 0 would show nothing",
        worst=1,
        better="higher",
    ),
]
CLOUDS = 200


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    for seed in seeds:
        yield Job(searched, (20 if quick else CLOUDS, seed), _told, 4 if quick else 40)


def searched(clouds: int, seed: int) -> Row:
    """All strategies on so many clouds."""
    found = violations.search(sorted(load().strategies), clouds, seed)
    return {"seed": seed, "strategies": {name: here.row() for name, here in found.items()}}


def _told(row: Row) -> Iterator[Row]:
    rows = row["strategies"].values()
    plans, moves, broken = (sum(one[key] for one in rows) for key in ("plans", "moves", "violations"))
    binding = {rule: sum(one["binding"].get(rule, 0) for one in rows) for rule in violations.ALWAYS}
    told = {"seed": row["seed"], "plans": plans, "moves": moves}
    yield {"goal": "V broken", **told, "ratio": broken, "strategies": row["strategies"]}
    yield {"goal": "V in vain", **told, "ratio": sum(one["broken"].get("half_emptied", 0) for one in rows)}
    yield {"goal": "V decided", **told, "ratio": min(binding.values()), "binding": binding}
