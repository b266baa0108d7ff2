"""`make demo`: a durable audit frees hosts on a cloud, is interfered with, and is undone."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from deploy.local.clouds import Cloud, Simulated
from deploy.local.stack import DidNotStart
from deploy.local.story import WentWrong, tell
from deploy.local.telling import heading, say

DIRECTORY = Path("var/demo")
FEWEST = 3  # hosts, of which one can be emptied


def main() -> None:
    options = _options()
    cloud = _cloud(options)
    code = 0
    try:
        cloud.start()
        os.environ.update(cloud.stack.environment)
        asyncio.run(tell(cloud))
        _farewell(cloud, options.keep)
    except (DidNotStart, WentWrong) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        code = 130
    finally:
        if not options.keep:
            cloud.stack.down()
    sys.stdout.flush()
    os._exit(code)  # the SDK's threads may abort a normal exit after all work is done


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--cloud", choices=("simulator", "devcloud"), default="simulator")
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7, help="of the simulated cloud")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--devcloud", type=Path, help="where the devcloud lies (default var/devcloud)")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where all the rest lies")
    options = parser.parse_args()
    if options.hosts < FEWEST:
        parser.error(f"{options.hosts} hosts are too few to free one; take at least {FEWEST}")
    return options


def _cloud(options: argparse.Namespace) -> Cloud:
    directory: Path = options.directory.resolve()
    if options.cloud == "simulator":
        return Simulated(directory, options.hosts, options.seed)
    from deploy.local.real_cloud import Devcloud

    return Devcloud(directory, options.devcloud, options.hosts)


def _farewell(cloud: Cloud, keep: bool) -> None:
    heading("What now")
    cloud.leave(keep=keep)
    if not keep:
        say("KEEP=1 make demo leaves everything running, to be looked at in the Temporal UI")
        return
    env = os.path.relpath(cloud.stack.directory / "env")
    say(f"Temporal UI   {cloud.stack.ui}")
    say(f". {env}      then use temporal and ballast; `make demo-down` stops it all")


if __name__ == "__main__":
    main()
