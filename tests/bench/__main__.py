"""Every goal of decisions, measured: `python -m tests.bench [--quick | --seeds 3 --first 911] [--only FILE]`.

Each file of tests/bench/goals/ has GOALS and `jobs(seeds, quick)`; of each answer a job makes rows: {goal,
hosts, seed, constrained, value, bound, ratio} and what else there is to tell, or {cost, hosts, seed, seconds,
peak_mb}. Rows go to the output and to var/bench/goals.jsonl as they come; the tables follow on stderr, where
progress is told too, and in var/bench/goals.txt. The exit code is 1 when a goal is not met, 2 when something
could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections import Counter
from pathlib import Path

from tests.bench import costs, jobs
from tests.bench.jobs import Job
from tests.bench.table import Goal, Row, last_line, table, verdicts

# The first of ten on which nothing was tuned, nor looked at while it was; others once something has been.
FRESH = 901
HERE = Path(__file__).parent / "goals"
KEPT = Path("var/bench")


def files() -> list[str]:
    return sorted(path.stem for path in HERE.glob("[a-z]*.py") if not path.stem.startswith("test_"))


def wanted(names: list[str], seeds: list[int], quick: bool) -> tuple[list[Goal], list[Job]]:
    """The goals of these files, and all that has to be measured for them."""
    modules = [importlib.import_module(f"tests.bench.goals.{name}") for name in names]
    goals = [goal for module in modules for goal in module.GOALS]
    return [*goals, *costs.GOALS], [job for module in modules for job in module.jobs(seeds, quick)]


def measured(todo: list[Job]) -> tuple[list[Row], int]:
    """All rows, told as they come, and how many measurements failed."""
    rows: list[Row] = []
    spent: Counter[str] = Counter()
    failed = 0
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "goals.jsonl").open("w", encoding="utf-8") as sink:

        def tell(row: Row) -> None:
            rows.append(row | {"load": round(os.getloadavg()[0], 1)})  # on a busy machine, seconds are more
            for out in (sink, sys.stdout):
                print(json.dumps(rows[-1]), file=out, flush=True)

        for job, answer in jobs.run(todo):
            if isinstance(answer, RuntimeError):
                failed += 1
                print(f"FAILED {job}: {answer}", file=sys.stderr, flush=True)
                continue
            spent[job.subject] += answer["process_seconds"]
            for row in job.told(answer):
                tell(row)
        for row in list(costs.derived(rows)):
            tell(row)
        for subject, seconds in spent.items():
            tell({"subject": subject, "process_seconds": round(seconds)})
    return rows, failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed and small clouds: a minute or two")
    parser.add_argument("--only", choices=files(), action="append", help="one file of goals")
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first", type=int, default=FRESH, help="the first of them")
    given = parser.parse_args()
    seeds = [given.first + n for n in range(1 if given.quick else given.seeds)]
    goals, todo = wanted(given.only or files(), seeds, given.quick)
    rows, failed = measured(todo)
    found = verdicts(goals, rows)
    for one in found:
        print(json.dumps(one.row()), flush=True)
    parts = [table(found), costs.table(rows), last_line(found, failed)]
    text = "\n\n".join(part for part in parts if part)
    (KEPT / "goals.txt").write_text(f"{text}\n", encoding="utf-8")
    print(f"\n{text}", file=sys.stderr)
    return 2 if failed else 0 if all(one.met for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
