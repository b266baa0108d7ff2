"""Drain the host named on the command line, then put everything back, from a program of your own."""

import asyncio
import sys
from typing import Any

from temporalio.client import WorkflowFailureError

from workflows import start


async def main(host: str) -> None:
    client = await start.connect()  # address, TLS, keys: TEMPORAL_ADDRESS, TEMPORAL_PROFILE, … as everywhere
    drain: dict[str, Any] = {"ballast": "v1", "kind": "Audit", "name": "drain", "cloud": "simcloud"}
    drain |= {"strategy": "host_maintenance", "parameters": {"maintenance_node": host}}
    audit = await start.start_audit(client, {**drain, "execution": {"mode": "auto"}})
    print((await audit.result())["sentence"])
    back = await start.start_rollback(client, start.plan_of(client, audit.id).id, "only an example")
    print((await back.result())["sentence"])


try:
    asyncio.run(main(sys.argv[1]))
except WorkflowFailureError as error:
    sys.exit(f"not done: {error.cause}")
