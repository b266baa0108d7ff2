"""Drain the host named on the command line, then put everything back, from a program of your own."""

import asyncio
import sys

from temporalio.client import WorkflowFailureError

from workflows import start

AUDIT = {
    "ballast": "v1",
    "kind": "Audit",
    "name": "drain",
    "cloud": "simcloud",
    "strategy": "host_maintenance",
}


async def main(host: str) -> None:
    client = await start.connect()  # address, TLS, keys: TEMPORAL_ADDRESS, TEMPORAL_PROFILE, … as everywhere
    now = {"parameters": {"maintenance_node": host}, "execution": {"mode": "auto"}}
    audit = await start.start_audit(client, {**AUDIT, **now})
    print((await audit.result())["sentence"])
    back = await start.start_rollback(client, start.plan_of(client, audit.id).id, "only an example")
    print((await back.result())["sentence"])


try:
    asyncio.run(main(sys.argv[1]))
except WorkflowFailureError as error:
    sys.exit(f"not done: {error.cause}")
