"""Every strategy on thousands of random constrained clouds, each plan before the judge at every moment.

`python -m tests.bench.violations [--count 2000] [--seed 1] [--only STRATEGY]`: a line of JSON per strategy;
exit code 1 when the judge found anything; the case is then in var/failed/ for tests/deciding/proposing.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from plan_schemas.catalog import load
from plan_schemas.model import Cluster, to_document
from plan_schemas.plan import Refused
from tests import judge, worlds
from tests.deciding.proposing import propose

Row = dict[str, Any]
FAILED = Path("var/failed")


def judged(cluster: Cluster, audit: Row) -> Row:
    """What there was to judge in the plan of an audit, and the rules that it broke; a refusal says why."""
    snapshot = worlds.measured(cluster)
    try:
        document = propose(cluster, audit)
    except Refused as refused:
        # The planner proves each plan by a replay of its own: that it must refuse one is a fault as well.
        return {"refused": 1, "broken": ["refused as unproven"] if "fault" in str(refused) else []}
    moves = sum(a["type"] == "migrate" for a in document["actions"])
    counts = {"plans": int(bool(document["actions"])), "actions": len(document["actions"]), "moves": moves}
    broken = judge.plan(snapshot, document, audit=audit) if document["actions"] else []
    return counts | {"broken": [f"{v.rule}: {v.text} ({v.moment}, {v.subject})" for v in broken]}


def search(strategies: Sequence[str], count: int, seed: int) -> dict[str, Counter[str]]:
    """So many constrained clouds, with an audit of each strategy on each of them."""
    known = load().strategies
    found: dict[str, Counter[str]] = {strategy: Counter() for strategy in strategies}
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
        for strategy, counts in found.items():
            audit = data.draw(worlds.audits(cluster, strategy, known[strategy].parameters))
            row = judged(cluster, audit)
            for text in row["broken"]:
                _keep(strategy, counts["violations"], cluster, audit, text)
                counts["violations"] += 1
            counts["clouds"] += 1
            counts.update({k: v for k, v in row.items() if k != "broken"})
        done = found[strategies[0]]["clouds"]
        if done % 100 == 0:
            print(f"{done} clouds, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    run()
    return found


def _keep(strategy: str, number: int, cluster: Cluster, audit: Row, text: str) -> None:
    FAILED.mkdir(parents=True, exist_ok=True)
    (FAILED / f"{strategy}-{number}").write_text(json.dumps([to_document(cluster), audit]))
    print(f"{strategy}: {text}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.violations", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="clouds, each with every strategy")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=sorted(load().strategies))
    given_ = parser.parse_args()
    found = search(given_.only or sorted(load().strategies), given_.count, given_.seed)
    for strategy, counts in found.items():
        keys = ("clouds", "plans", "refused", "actions", "moves", "violations")
        print(json.dumps({"bench": "violations", "strategy": strategy} | {k: counts[k] for k in keys}))
    return 1 if any(counts["violations"] for counts in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
