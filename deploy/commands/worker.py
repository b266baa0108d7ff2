"""`ballast worker`: serve audits, plans and rollbacks until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import sys

from temporalio.service import RPCError

from deploy import settings, worker


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "worker", help="run a worker; its settings are environment variables, see the README"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:  # noqa: ARG001  everything comes from the environment
    """0 after SIGTERM or SIGINT, 2 for a bad setting, 3 when it cannot run."""
    try:
        asyncio.run(worker.run(settings.from_environment()))
    except settings.BadSetting as problem:
        print(f"ballast worker: {problem}", file=sys.stderr)
        return 2
    except worker.CannotRun as problem:
        print(f"ballast worker: {problem}", file=sys.stderr)
        return 3
    except (RuntimeError, RPCError) as problem:
        print(f"ballast worker: Temporal failed: {problem}", file=sys.stderr)
        return 3
    return 0
