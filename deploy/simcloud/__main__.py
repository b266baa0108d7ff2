"""python -m deploy.simcloud: serve a simulated cloud on one port."""

import argparse
import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn

from deploy.simcloud import memory
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.credentials import clouds_yaml
from deploy.simcloud.declared import Invalid, load
from deploy.simcloud.generate import generate
from deploy.simcloud.server import build


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    try:
        cloud = memory.recall(options.state) if options.state else None
        again = cloud is not None
        cloud = cloud or _new(options)
    except Invalid as problem:
        print(problem, file=sys.stderr)
        return 2
    written = memory.tail(options.journal) if again and options.journal else []
    with (
        contextlib.nullcontext()
        if options.journal is None
        else options.journal.open("a", encoding="utf-8") as sink
    ):
        cloud.journal.sink = sink
        if again:
            cloud.journal.catch_up(written)
        if options.state:
            cloud.journal.commit = partial(memory.keep, cloud, options.state)
            cloud.journal.remember()
        asyncio.run(_serve(cloud, options))
    return 0


def _new(options: argparse.Namespace) -> Cloud:
    cloud = load(options.cloud) if options.cloud else generate(options.hosts, options.seed)
    cloud.clock.epoch = datetime.now(UTC)
    cloud.speed = options.speed
    # Clients time a token by the real clock: a fast cloud must not let it die early.
    cloud.settings.token_ttl *= max(1.0, options.speed)
    return cloud


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="simcloud", description="Serve a simulated OpenStack cloud on one port."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--cloud",
        type=Path,
        metavar="FILE.yaml",
        help="a declared cloud (schema: deploy/simcloud/declaration.py)",
    )
    source.add_argument(
        "--hosts", type=int, default=12, help="generate a cloud of so many hosts (default 12)"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the generated cloud")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8774, help="0 takes a free one")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds per real second")
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="keep the cloud's state here with every change, and go on from it: kill -9 loses nothing",
    )
    parser.add_argument("--journal", type=Path, metavar="FILE", help="append one JSON line per request")
    parser.add_argument(
        "--clouds-yaml", type=Path, metavar="FILE", help="write credentials here once the port is open"
    )
    return parser.parse_args(argv)


async def _serve(cloud: Cloud, options: argparse.Namespace) -> None:
    server = build(cloud, host=options.bind, port=options.port)
    running = asyncio.create_task(server.serve())
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    if server.started:
        _announce(cloud, server, options)
    await running


def _announce(cloud: Cloud, server: uvicorn.Server, options: argparse.Namespace) -> None:
    """The port is known only now; whoever waits for the file or the line may start."""
    port = server.servers[0].sockets[0].getsockname()[1]
    origin = f"http://{options.bind}:{port}"
    if options.clouds_yaml is not None:
        beside = options.clouds_yaml.with_name(f"{options.clouds_yaml.name}.part")
        beside.write_text(clouds_yaml(cloud, origin), encoding="utf-8")
        beside.replace(options.clouds_yaml)  # whoever waits for it finds all of it
    print(f"simcloud: {len(cloud.hosts)} hosts, {len(cloud.instances)} servers at {origin}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
