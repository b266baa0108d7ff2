"""kill -9 of the worker, drawn equally from four phases of a migration: `python -m tests.kills --count 40`.

After each kill a new worker is started. Every plan must end SUCCEEDED, and the simulator's journal hold
exactly one accepted migration per action; exit 1 at the first that does not. `--break idempotency` plants
a bug that must be noticed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.killing import Killer, Phase, Round, draw_moves, hit, run_round
from tests.live.stack import Live, bring_up
from workflows import start

CLOUD = Path(__file__).with_name("clouds") / "pairs.yaml"
WORKERS = {None: "deploy.cli", "idempotency": "tests.blind_worker"}
MOST_MISSES = 3  # times the count


@dataclass
class Tally:
    """What came of all rounds."""

    hits: Counter[Phase] = field(default_factory=Counter)
    kinds: Counter[tuple[Phase, str]] = field(default_factory=Counter)
    misses: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, aimed: Phase, found: Phase | None, kind: str, wrong: list[str], plan: str) -> None:
        """A wrong ending counts whether or not the moment was the wanted one."""
        self.wrong += [f"{plan} ({found or 'missed'}): {said}" for said in wrong]
        if found is aimed:
            self.hits[aimed] += 1
            self.kinds[aimed, kind] += 1
        else:
            self.misses += 1

    def table(self) -> str:
        rows = [f"{'killed':<32} {'count':>5} {'live':>5} {'cold':>5}"]
        for phase in Phase:
            split = f"{self.kinds[phase, 'live']:>5} {self.kinds[phase, 'cold']:>5}"
            rows.append(f"{phase:<32} {self.hits[phase]:>5} {split}")
        return "\n".join([*rows, f"{'another moment, drawn again':<32} {self.misses:>5}"])


async def kill(live: Live, count: int, seed: int, module: str = "deploy.cli") -> Tally:
    """So many kills that hit their phase, each phase as often as the others (one more where it must be)."""
    draw, tally = random.Random(seed), Tally()
    client = await start.connect(live.stack.address)
    killer = Killer(live, draw)
    phases = [list(Phase)[i % len(Phase)] for i in range(count)]
    draw.shuffle(phases)
    attempts = 0
    while phases and tally.misses <= MOST_MISSES * count and not tally.wrong:
        attempts += 1
        begun = time.time()
        victim, beside = draw_moves(live, draw)
        round_ = Round(f"kill-{seed}-{attempts}", phases[-1], victim, beside, begun)
        wrong = await run_round(live, client, round_, killer, module)
        found = hit(round_, killer.live.journal())
        tally.add(round_.aimed, found, victim.kind, wrong, round_.plan)
        if found is round_.aimed:
            phases.pop()
        took = time.time() - begun
        line = f"{round_.plan:<12} {found or 'missed':<32} {victim.kind}  {took:4.1f} s  {'; '.join(wrong)}"
        print(line.rstrip(), flush=True)
    if phases:
        tally.wrong.append(f"{len(phases)} kills were not made")
    return tally


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--break", dest="broken", choices=["idempotency"])
    return parser.parse_args()


def main() -> int:
    options = _options()
    module = WORKERS[options.broken]
    with tempfile.TemporaryDirectory(prefix="kills-") as directory:
        live = bring_up(Path(directory), CLOUD, speed=1.0)
        try:
            if options.broken:
                live.kill_worker()
                live.stack.start_worker(module)
            tally = asyncio.run(kill(live, options.count, options.seed, module))
        finally:
            live.stack.down()
    print(tally.table())
    for said in tally.wrong:
        print(f"WRONG {said}")
    made = sum(tally.hits.values())
    print(f"{made} kills, {len(tally.wrong)} wrong; one accepted migration per action: {not tally.wrong}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
