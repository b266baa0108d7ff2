"""Every goal of decisions, measured: `python -m tests.bench [--quick | --seeds 3] [--only consolidation]`.

Each file of tests/bench/goals/ has GOALS and `rows(seeds, quick)`; a row is {goal, hosts, seed, constrained,
value, bound, ratio, seconds, peak_mb} and what else it has to tell. Rows go to the output and to
var/bench/goals.jsonl as they come, a table follows at the end; the exit code is
1 when a goal is not met, 2 when something could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path

from tests.bench.table import Goal, Row, table, verdicts

SEEDS = list(range(101, 111))  # on none of them anything was tuned
QUICK = SEEDS[:1]
HERE = Path(__file__).parent / "goals"


def files() -> list[str]:
    return sorted(
        path.stem for path in HERE.glob("*.py") if path.stem != "__init__" and "test_" not in path.stem
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed and small clouds: about a minute")
    parser.add_argument("--only", choices=files(), action="append", help="one file of goals")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many of the ten seeds")
    given = parser.parse_args()
    seeds = QUICK if given.quick else SEEDS[: given.seeds]
    kept = Path("var/bench")
    kept.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    goals: list[Goal] = []
    began = time.monotonic()
    with (kept / "goals.jsonl").open("w", encoding="utf-8") as sink:
        for name in given.only or files():
            module = importlib.import_module(f"tests.bench.goals.{name}")
            goals += module.GOALS
            for row in module.rows(seeds, given.quick):
                row |= {"load": round(os.getloadavg()[0], 1)}  # on a busy machine seconds are pessimistic
                rows.append(row)
                for out in (sink, sys.stdout):
                    print(json.dumps(row), file=out, flush=True)
            print(f"{name}: all measured after {time.monotonic() - began:.0f} s", file=sys.stderr)
    found = verdicts(goals, rows)
    print(table(found))
    return 0 if all(one.met for one in found) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
