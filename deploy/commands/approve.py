"""`ballast approve PLAN-ID`: let a plan run, or a part of it; with a key, signed."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from temporalio.client import Client, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.door import Failed
from activities.signers import private_key, sign
from plan_schemas.schema import seconds
from plan_schemas.tokens import Approval
from workflows import start


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("approve", help="let a plan run, or a part of it; with a key, signed")
    parser.add_argument("plan", metavar="PLAN-ID", help="its workflow id, such as plan/audit/nightly")
    parser.add_argument("--by", required=True, metavar="NAME", help="who approves")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the record")
    parser.add_argument("--actions", default="", metavar="ID,ID", help="these and what they wait for alone")
    parser.add_argument("--key", type=Path, metavar="FILE", help="sign with this private key of ssh-keygen")
    parser.add_argument("--signer", default="", metavar="NAME", help="whose key it is, unless that of --by")
    parser.add_argument("--digest", default="", metavar="DIGEST", help="only if the plan is still this one")
    parser.add_argument("--valid", default="10m", metavar="TIME", help="how long the signature holds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when the plan took it, 1 when it or we refused, 2 for a wrong TIME, 3 when Temporal failed."""
    try:
        seconds(args.valid)
    except ValueError as error:
        print(f"ballast approve: --valid: {error}", file=sys.stderr)
        return 2
    try:
        answer = asyncio.run(_approve(args))
    except WorkflowUpdateFailedError as refused:
        print(f"ballast approve: {refused.cause}", file=sys.stderr)
        return 1
    except RPCError as problem:
        gone = problem.status == RPCStatusCode.NOT_FOUND
        print(f"ballast approve: {args.plan if gone else 'Temporal failed'}: {problem}", file=sys.stderr)
        return 1 if gone else 3
    except (RuntimeError, WorkflowQueryFailedError) as problem:
        print(f"ballast approve: Temporal failed: {problem}", file=sys.stderr)
        return 3
    print(json.dumps({"plan": args.plan, "answer": answer}, ensure_ascii=False) if args.json else answer)
    return 0


async def _approve(args: argparse.Namespace) -> str:
    client = await start.connect()
    actions = [id for id in args.actions.split(",") if id] or None
    payload = {"by": args.by, "reason": args.reason, **({"actions": actions} if actions else {})}
    if args.key is None and not args.digest:
        return await start.send(client, args.plan, "approve", **payload)
    approval = Approval(args.plan, await _digest(client, args), args.by, args.reason, actions)
    if args.key is not None:
        key = private_key(args.key.read_bytes())
        expires = int(time.time() + seconds(args.valid))
        payload["token"] = sign(approval, key, signer=args.signer or args.by, expires=expires)
    return await start.send(client, args.plan, "approve", **payload)


async def _digest(client: Client, args: argparse.Namespace) -> str:
    """Of the plan as it stands. Raises Failed when it is another than was read."""
    told = await start.status(client, args.plan)
    digest = str(told.get("plan", {}).get("digest", ""))
    if args.digest and args.digest != digest:
        raise Failed(f"the plan is {digest or 'not known yet'}, not {args.digest}", "read it again")
    return digest
