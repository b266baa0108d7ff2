"""Every strategy on thousands of random constrained clouds, each plan before the judge at every moment.

`python -m tests.bench.violations [--count 2000] [--seed 1] [--only STRATEGY]`: a line of JSON per strategy
with what there was to judge and how often each rule alone decided (tests/bench/binding.py); exit code 1 when
the judge found anything; the case is then in var/failed/ for tests/deciding/proposing.py. 2 when a strategy
that moves servers made too few plans, or a rule that every cloud has never decided: that shows nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from activities.planner.edges import Fault
from plan_schemas.catalog import load
from plan_schemas.model import Cluster, to_document
from plan_schemas.plan import Refused
from tests import judge, worlds
from tests.bench.binding import Binding
from tests.deciding.proposing import propose

Row = dict[str, Any]
FAILED, KEPT = Path("var/failed"), Path("var/bench")
FEWEST_PLANS = 0.1  # of the clouds: below this, a strategy was hardly looked at


# What every constrained cloud has: locked servers, closed and dead hosts, pins, traits, groups, full hosts.
ALWAYS = ("locked", "disabled", "down", "zone", "traits", "anti_affinity", "capacity", "order")


@dataclass
class Found:
    """What came of all audits of a strategy."""

    counts: Counter[str] = field(default_factory=Counter)
    binding: Counter[str] = field(default_factory=Counter)  # by rule
    broken: Counter[str] = field(default_factory=Counter)  # by rule

    def row(self) -> Row:
        keys = ("clouds", "plans", "refused", "actions", "moves")
        told = {key: self.counts[key] for key in keys} | {"violations": self.broken.total()}
        binding = dict(sorted(self.binding.items()))
        return told | {"broken": dict(self.broken), "binding": binding}


def judge_one(cluster: Cluster, audit: Row, seen: Binding, found: Found) -> list[tuple[str, str]]:
    """Counts what there was to judge in the plan of an audit; the rules that it broke, each with a text."""
    found.counts["clouds"] += 1
    try:
        document = propose(cluster, audit)
    except Fault as fault:
        return [("fault", str(fault))]  # the planner proves each plan by itself: that one fails is a fault
    except Refused:
        found.counts["refused"] += 1
        return []
    moves = sum(a["type"] == "migrate" for a in document["actions"])
    plans = int(bool(document["actions"]))
    found.counts.update({"plans": plans, "actions": len(document["actions"]), "moves": moves})
    if not plans:
        return []
    found.binding += seen.rules(document, audit)
    broken = judge.plan(worlds.measured(cluster), document, audit=audit)
    return [(v.rule, f"{v.text} ({v.moment}, {v.subject})") for v in broken]


def search(strategies: Sequence[str], count: int, seed: int) -> dict[str, Found]:
    """So many constrained clouds, with an audit of each strategy on each of them."""
    known = load().strategies
    found = {strategy: Found() for strategy in strategies}
    began = time.monotonic()

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(worlds.clusters(constrained=True), st.data())
    def run(cluster: Cluster, data: st.DataObject) -> None:
        seen = Binding(to_document(cluster))
        for strategy, here in found.items():
            audit = data.draw(worlds.audits(cluster, strategy, known[strategy].parameters))
            for rule, text in judge_one(cluster, audit, seen, here):
                _keep(f"{strategy}-{seed}-{here.broken.total()}", cluster, audit, f"{rule}: {text}")
                here.broken[rule] += 1
        done = found[strategies[0]].counts["clouds"]
        if done % 100 == 0:
            spent = time.monotonic() - began
            left = spent / done * (count - done)
            print(f"{done} clouds, {spent:.0f} s, about {left:.0f} more", file=sys.stderr, flush=True)

    run()
    return found


def idle(found: Mapping[str, Found]) -> list[str]:
    """Why a search has shown too little: a strategy that seldom plans, a rule that never decided."""
    plain = [s for s, here in found.items() if here.counts["plans"] < here.counts["clouds"] * FEWEST_PLANS]
    together = sum((here.binding for here in found.values()), Counter[str]())
    return [
        *(f"{s} made {found[s].counts['plans']} plans of {found[s].counts['clouds']} clouds" for s in plain),
        *(f"the rule {rule} never decided anything" for rule in ALWAYS if not together[rule]),
    ]


def _keep(name: str, cluster: Cluster, audit: Row, text: str) -> None:
    FAILED.mkdir(parents=True, exist_ok=True)
    (FAILED / name).write_text(json.dumps([to_document(cluster), audit]))
    print(f"{name}: {text}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.violations", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="clouds, each with every strategy")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=sorted(load().strategies))
    given_ = parser.parse_args()
    found = search(given_.only or sorted(load().strategies), given_.count, given_.seed)
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "violations.jsonl").open("w", encoding="utf-8") as sink:
        for strategy, here in found.items():
            for out in (sys.stdout, sink):
                print(json.dumps({"bench": "violations", "strategy": strategy} | here.row()), file=out)
    broken = sum(here.broken.total() for here in found.values())
    plans = sum(here.counts["plans"] for here in found.values())
    print(f"{broken} violations in {plans} plans", file=sys.stderr)
    lacking = idle(found)
    for why in lacking:
        print(f"this search shows too little: {why}", file=sys.stderr)
    return 1 if broken else 2 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
