"""The cloud behind a port: real time, times a speed, drives the virtual clock."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, MutableMapping
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from deploy.simcloud.api import Exchange
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.faults import ApiFault
from deploy.simcloud.http import Request

TICK = 0.05
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Open = dict[tuple[str, int], asyncio.BaseTransport]


class Pacer:
    """Lets the cloud's clock follow the wall clock; a change of speed takes effect from that moment on."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._last = time.monotonic()

    def catch_up(self) -> None:
        now = time.monotonic()
        self.cloud.advance((now - self._last) * self.cloud.speed)
        self._last = now

    async def run(self) -> None:
        while True:
            self.catch_up()
            await asyncio.sleep(TICK)


def application(cloud: Cloud, connections: Open) -> Starlette:
    """One endpoint for every path: the state machine knows its own routes."""
    pacer = Pacer(cloud)

    async def answer(request: HttpRequest) -> HttpResponse:
        raw = await request.body()
        exchange = Exchange.arrive(cloud, _parsed(request, raw))
        if exchange.treatment.refuse:
            exchange.refuse()
            return _cut(request, connections)
        if exchange.treatment.latency:
            await asyncio.sleep(exchange.treatment.latency)
        await _hold(exchange, exchange.treatment.hold, request)
        pacer.catch_up()
        reply = exchange.process()
        await _hold(exchange, exchange.treatment.hold_reply, request)
        if exchange.treatment.delay_reply:
            await asyncio.sleep(exchange.treatment.delay_reply)
        gone = exchange.treatment.drop_reply or await request.is_disconnected()
        exchange.leave(replied=not gone)
        if exchange.treatment.drop_reply:
            return _cut(request, connections)
        return HttpResponse(reply.raw(), reply.status, reply.headers)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(pacer.run())
        yield
        task.cancel()

    return Starlette(routes=[Route("/{path:path}", answer, methods=METHODS)], lifespan=lifespan)


async def _hold(exchange: Exchange, fault: ApiFault | None, request: HttpRequest) -> None:
    """Let the client wait until the fault is removed, its time is over, or nobody waits any more."""
    if fault is None:
        return
    exchange.held(fault)
    until = time.monotonic() + fault.seconds
    while exchange.cloud.faults.knows(fault) and time.monotonic() < until:
        if await request.is_disconnected():
            return
        await asyncio.sleep(TICK / 2)


def _parsed(request: HttpRequest, raw: bytes) -> Request:
    return Request.parse(request.method, str(request.url), dict(request.headers), raw)


class _Silence(HttpResponse):
    """Says nothing: the connection under it is gone."""

    async def __call__(self, _scope: MutableMapping[str, Any], receive: Any, _send: Any) -> None:
        """Wait until the server below has noticed, or it would report a forgotten reply."""
        while (await receive())["type"] != "http.disconnect":
            pass


def _cut(request: HttpRequest, connections: Open) -> HttpResponse:
    transport = connections.get(tuple(request.scope["client"]))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    return _Silence()


def _protocol(connections: Open) -> type[H11Protocol]:
    """uvicorn's own protocol, remembering its sockets so that a fault can cut one."""

    class Remembering(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            connections[transport.get_extra_info("peername")] = transport
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self.transport.get_extra_info("peername"), None)
            super().connection_lost(exc)

    return Remembering


def build(cloud: Cloud, *, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Server:
    """A server ready to run in any event loop."""
    cloud.journal.wall = lambda: datetime.now(UTC).isoformat()
    connections: Open = {}
    config = uvicorn.Config(
        application(cloud, connections),
        host=host,
        port=port,
        http=_protocol(connections),
        log_level="warning",
        access_log=False,
        date_header=False,  # every answer carries the cloud's own
        timeout_keep_alive=60,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)
