"""`ballast freeze` and `ballast thaw`: the kill switch of one cloud, or of all."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError

from workflows import start

ANSWER = (
    10.0  # seconds that a worker has; a freeze takes effect without one, since nothing starts without one
)


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help: str) -> None:
    parser = subparsers.add_parser(name, help=help)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--cloud", metavar="NAME", help="its name in clouds.yaml; by default $OS_CLOUD")
    which.add_argument("--all", action="store_true", help="every cloud that plans run on or ever ran on")
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="why, for the record and for whoever waits"
    )
    parser.add_argument(
        "--by", default="", metavar="NAME", help="who; by default the name you are logged in by"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=lambda args: run(name, args))


def run(message: str, args: argparse.Namespace) -> int:
    """0 when every cloud was told, 1 when there is none or it refused, 2 without a name, 3 no Temporal."""
    cloud = args.cloud or os.environ.get("OS_CLOUD", "")
    if not (args.all or cloud):
        print(f"ballast {message}: give --cloud NAME or --all", file=sys.stderr)
        return 2
    by = args.by or getpass.getuser()
    try:
        told = asyncio.run(_tell(message, "" if args.all else cloud, by, args.reason))
    except WorkflowUpdateFailedError as refused:
        print(f"ballast {message}: {refused.cause}", file=sys.stderr)
        return 1
    except (RuntimeError, RPCError) as problem:
        print(f"ballast {message}: Temporal failed: {problem}", file=sys.stderr)
        return 3
    if args.json:
        print(json.dumps({"message": message, "clouds": told}, ensure_ascii=False))
    else:
        for row in told:
            print(f"{row['cloud']}: {row['answer']}")
    if not told:
        print("no plan runs or ever ran on any cloud; name one with --cloud", file=sys.stderr)
    return 0 if told else 1


async def _tell(message: str, cloud: str, by: str, reason: str) -> list[dict[str, Any]]:
    client = await start.connect()
    clouds: Sequence[str] = [cloud] if cloud else await start.clouds(client)
    return list(await asyncio.gather(*(_one(client, one, message, by, reason) for one in clouds)))


async def _one(client: Client, cloud: str, message: str, by: str, reason: str) -> dict[str, Any]:
    try:
        asking = start.switch(client, cloud, message, by=by, reason=reason)
        return {"cloud": cloud, "answered": True, "answer": await asyncio.wait_for(asking, ANSWER)}
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        await start.leave_word(client, cloud, message, by=by, reason=reason)
        said = (
            f"no worker answered in {ANSWER:g} s; Temporal keeps the {message} for the first one that comes"
        )
        return {"cloud": cloud, "answered": False, "answer": said}
