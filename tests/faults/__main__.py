"""The fault matrix: `python -m tests.faults [--count 3] [--only FAULT] [--moment MOMENT] [--kind KIND]`.

Every fault, in every moment of an action's life, on every kind of action that touches the cloud. Exit 1 if
anything was doubled, lost, hanging or untrue, or a moment never reached. `--break idempotency` plants a bug
that must be noticed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import yaml

from activities.openstack import open_door
from deploy.local.stack import Stack
from tests.faults.batch import Bench
from tests.faults.matrix import AT_ONCE, Tally, cells, try_out
from tests.faults.pens import declaration
from tests.kills import WORKERS
from tests.live.stack import UNUSUAL, Live
from workflows import start

PENS = AT_ONCE + 8


def run(directory: Path, options: argparse.Namespace) -> Tally:
    """A stack of its own, the chosen cells, and the stack down again."""
    chosen = cells(options.only, options.moment, options.kind)
    cloud = directory / "pens.yaml"
    cloud.write_text(yaml.safe_dump(declaration(PENS)))
    simulator = ["--cloud", str(cloud), "--state", str(directory / "simcloud.state")]
    stack = Stack(directory, usual=UNUSUAL)
    try:
        stack.up(simulator)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(stack.clouds)
        live, module = Live(stack), WORKERS[options.broken]
        if options.broken:
            live.kill_worker()
            stack.start_worker(module)

        async def all_of_them() -> Tally:
            client = await start.connect(stack.address)
            bench = Bench(live, client, open_door(stack.cloud), PENS, module, simulator)
            return await try_out(bench, chosen, options.count)

        return asyncio.run(all_of_them())
    finally:
        stack.down()


def options_from(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--count", type=int, default=3, help="runs in each cell")
    parser.add_argument("--only", default="", metavar="FAULT", help="faults whose names begin so")
    parser.add_argument("--moment", default="", help="moments whose names begin so")
    parser.add_argument("--kind", default="", help="kinds of action whose names begin so")
    parser.add_argument("--break", dest="broken", choices=["idempotency"])
    return parser.parse_args(words)


def main() -> int:
    options, begun = options_from(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        tally = run(Path(directory), options)
    print(f"\n{tally.tables()}\n")
    for said in (said for cell in tally.wrong.values() for said in cell):
        print(f"WRONG {said}")
    print(f"{time.monotonic() - begun:.0f} s; {tally.missed} moments were missed and drawn again")
    print(tally.totals())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
