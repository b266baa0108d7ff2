"""Consolidation against the proven best: `python -m tests.oracle --seeds 10 --hosts 20 --hosts 30`.

Each cloud of tests/bench/clouds.py, plain and constrained, is given to vm_workload_consolidation and to
CP-SAT, which runs in .venv-oracle and may do what the strategy may: empty a host as a whole, or leave it.
Both answers are looked at by what looks at the bench. A row of JSON for each cloud goes to the output and to
var/bench/oracle.jsonl, a table follows; the exit code is 1 when a goal is missed. Where the best is not
proved within the time, the comparison is with the best that was found, and the row says so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plan_schemas.model import Cluster
from plan_schemas.plan import Change, Proposal
from tests.bench.clouds import cloud
from tests.bench.goals.consolidation import decided
from tests.bench.landing import End, landed
from tests.bench.table import Goal, table, verdicts
from tests.oracle.problem import problem

Row = dict[str, Any]
ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-oracle" / "bin" / "python"
FIRST = 201  # a seed that nothing else uses
GOALS = [
    Goal("hosts", "hosts that are kept less those of CP-SAT", worst=0),
    Goal("moves", "moves / those of CP-SAT, with as many hosts kept", worst=1.05),
]
MEAN = 1.02  # of the moves
COLUMNS = ("cloud", "hosts", "CP-SAT", "proved", "moves", "CP-SAT", "proved", "ratio", "s", "s CP-SAT")
WIDE = (14, 7, 8, 8, 8, 8, 8, 8, 8, 10)


def compared(hosts: int, seed: int, constrained: bool, seconds: float) -> Row:
    """Both on one cloud. Raises RuntimeError for an answer that breaks a rule."""
    made = cloud(hosts, seed=seed, constrained=constrained)
    proposal, own = decided(made)
    ours, best = landed(made, proposal), asked(made, seconds)
    theirs = _landed(made, best.pop("places"))
    if (theirs.hosts, theirs.moves) != (best["hosts"], best["moves"]):
        raise RuntimeError(f"CP-SAT told {best['hosts']} hosts and {best['moves']} moves, and made {theirs}")
    same = ours.hosts == theirs.hosts
    return {
        "hosts": hosts,
        "seed": seed,
        "constrained": constrained,
        "hosts_after": ours.hosts,
        "moves": ours.moves,
        "cp_sat": best,
        "ratio": round(ours.moves / theirs.moves, 4) if same and theirs.moves else None,
        "seconds": round(own, 3),
        "load": round(os.getloadavg()[0], 1),
    }


def asked(made: Cluster, seconds: float) -> Row:
    """What CP-SAT finds within so many seconds, with two workers."""
    if not PYTHON.exists():
        raise RuntimeError("there is no .venv-oracle: `make oracle` installs it")
    solver = str(Path(__file__).with_name("solver.py"))
    command = [str(PYTHON), solver, str(seconds), "2"]
    given = json.dumps(problem(made))
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"CP-SAT failed: {done.stderr[-2000:]}")
    answer: Row = json.loads(done.stdout)
    if answer["hosts"] is None:
        raise RuntimeError(
            f"CP-SAT found nothing in {seconds:g} s ({answer['status']}): give it more --seconds"
        )
    return answer


def _landed(made: Cluster, places: dict[str, str]) -> End:
    moves = [
        {"instance": uuid, "source": str(made.instances[uuid].host), "destination": there}
        for uuid, there in places.items()
    ]
    return landed(made, Proposal(tuple(Change("migrate", move, "") for move in moves), ""))


def rows(given: argparse.Namespace) -> Iterator[Row]:
    for hosts in given.hosts or [20, 30]:
        for seed in range(given.first, given.first + given.seeds):
            for constrained in given.only or [False, True]:
                yield compared(hosts, seed, constrained, given.seconds)


def told(row: Row) -> str:
    best = row["cp_sat"]
    name = f"{row['hosts']}/{row['seed']}{' con' if row['constrained'] else ''}"
    proved = ["yes" if best[f"{what}_proved"] else f"≥{best[f'{what}_bound']}" for what in ("hosts", "moves")]
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.3f}"
    cells = (
        name,
        row["hosts_after"],
        best["hosts"],
        proved[0],
        row["moves"],
        best["moves"],
        proved[1],
        ratio,
    )
    return _line((*cells, row["seconds"], best["seconds"]))


def _line(cells: tuple[Any, ...]) -> str:
    return "".join(
        f"{cell!s:<{w}}" if not n else f"{cell!s:>{w}}" for n, (cell, w) in enumerate(zip(cells, WIDE))
    )


def verdict(found: list[Row]) -> bool:
    """Prints how near all came, and tells whether that is near enough."""
    marks = [{"goal": "hosts", "ratio": row["hosts_after"] - row["cp_sat"]["hosts"]} for row in found]
    ratios = [row["ratio"] for row in found if row["ratio"] is not None]
    every = verdicts(GOALS, [*marks, *({"goal": "moves", "ratio": ratio} for ratio in ratios)])
    mean = sum(ratios) / len(ratios) if ratios else 1.0
    print(table(every))
    print(f"moves / those of CP-SAT: mean {mean:.4f}, goal {MEAN:g}: {'met' if mean <= MEAN else 'MISSED'}")
    return mean <= MEAN and all(one.met for one in every)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first", type=int, default=FIRST, help="the first of them")
    parser.add_argument(
        "--hosts", type=int, action="append", help="size of the clouds; 20 and 30 unless told"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of CP-SAT on each cloud, at most")
    parser.add_argument(
        "--plain", dest="only", action="append_const", const=False, help="no constrained ones"
    )
    parser.add_argument("--constrained", dest="only", action="append_const", const=True, help="only these")
    given = parser.parse_args()
    kept = Path("var/bench")
    kept.mkdir(parents=True, exist_ok=True)
    found: list[Row] = []
    with (kept / "oracle.jsonl").open("w", encoding="utf-8") as sink:
        for row in rows(given):
            found.append(row)
            for out in (sink, sys.stdout):
                print(json.dumps(row), file=out, flush=True)
    print(_line(COLUMNS), *map(told, found), sep="\n")
    return 0 if verdict(found) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as problem_found:
        print(problem_found, file=sys.stderr)
        sys.exit(2)
