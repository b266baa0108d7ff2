"""/_sim/...: the hand that moves the cloud behind its users' backs. No OpenStack, no token, no journal.

GET  /_sim/state                      everything: hosts, instances, migrations, books, faults
GET  /_sim/where                      instance -> host
GET  /_sim/journal?since=SEQ          journal lines (POST journal/clear forgets them)
POST /_sim/advance   {seconds}        let virtual time pass          POST /_sim/settle
POST /_sim/speed     {speed}          simulated per real seconds (server only)
POST /_sim/move      {server, host}   put a server elsewhere in an instant
POST /_sim/faults    {api|migration|metric: {...}}     GET lists, DELETE /_sim/faults[/ID] removes
POST /_sim/hosts/H/kill | restart | enable | disable {reason}
POST /_sim/servers/S/seconds {live, cold}   how long moves of a server take; null: as usual
POST /_sim/cells/C/down | up
POST /_sim/churn     {boots, deletes, moves: per second, seed}   POST /_sim/churn/stop
POST /_sim/tokens/revoke
POST /_sim/settings  {name: value, ...}
"""

from dataclasses import asdict, fields
from typing import Any

from pydantic import BaseModel, ValidationError

from deploy.simcloud import churn, fleet, snapshot
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Host
from deploy.simcloud.faults import ApiFault, MetricFault, MigrationFault
from deploy.simcloud.http import Call, Request, Response, Routes
from deploy.simcloud.identity import Caller
from deploy.simcloud.rates import Rates
from deploy.simcloud.refusal import Refusal

PREFIX = "/_sim"
ROUTES = Routes(PREFIX)
_NOBODY = Caller("", "", "", frozenset())


def handle(cloud: Cloud, request: Request) -> Response:
    """Errors here are for the person at the controls: one sentence under "error"."""
    try:
        handler, arguments = ROUTES.find(request.method, request.path[len(PREFIX) :].rstrip("/"))
        return handler(Call(cloud, request, _NOBODY, (1, 0), arguments))
    except Refusal as refusal:
        return Response(refusal.status, {"error": refusal.message})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return Response(400, {"error": f"{where}: {first['msg']}"})
    except KeyError as error:
        return Response(400, {"error": f"the body lacks {error}"})
    except ValueError as error:
        return Response(400, {"error": str(error)})


@ROUTES.on("GET", "/state")
def state(call: Call) -> Response:
    return Response(200, snapshot.take(call.cloud))


@ROUTES.on("GET", "/where")
def where(call: Call) -> Response:
    return Response(200, call.cloud.where())


@ROUTES.on("GET", "/journal")
def journal(call: Call) -> Response:
    since = int(call.query.get("since", 0))
    return Response(200, {"lines": [line for line in call.cloud.journal.lines if line["seq"] > since]})


@ROUTES.on("POST", "/journal/clear")
def clear_journal(call: Call) -> Response:
    call.cloud.journal.lines.clear()
    return Response(204)


@ROUTES.on("POST", "/advance")
def advance(call: Call) -> Response:
    call.cloud.advance(float(call.body["seconds"]))
    return Response(200, {"now": call.cloud.now})


@ROUTES.on("POST", "/settle")
def settle(call: Call) -> Response:
    if call.cloud.churn is not None:
        raise Refusal(409, "a cloud that churns never settles: stop the churn first")
    call.cloud.settle()
    return Response(200, {"now": call.cloud.now})


@ROUTES.on("POST", "/speed")
def speed(call: Call) -> Response:
    wanted = float(call.body["speed"])
    if wanted < 0:
        raise Refusal(400, "speed: time does not run backwards")
    call.cloud.speed = wanted
    return Response(200, {"speed": wanted})


@ROUTES.on("POST", "/move")
def move(call: Call) -> Response:
    fleet.move_silently(call.cloud, call.body["server"], call.body["host"])
    return Response(200, {"server": call.body["server"], "host": call.body["host"]})


class _Planted(BaseModel, extra="forbid"):
    api: ApiFault | None = None
    migration: MigrationFault | None = None
    metric: MetricFault | None = None


@ROUTES.on("POST", "/faults")
def plant(call: Call) -> Response:
    asked = _Planted.model_validate(call.body)
    ids = [
        call.cloud.faults.plant(fault)
        for fault in (asked.api, asked.migration, asked.metric)
        if fault is not None
    ]
    return Response(201, {"ids": ids})


@ROUTES.on("GET", "/faults")
def faults(call: Call) -> Response:
    planted = call.cloud.faults
    return Response(
        200,
        {
            "api": [fault.model_dump(exclude_none=True) for fault in planted.api],
            "migration": [fault.model_dump(exclude_none=True) for fault in planted.migration],
            "metric": [fault.model_dump(exclude_none=True) for fault in planted.metric],
        },
    )


@ROUTES.on("DELETE", "/faults")
def clear_faults(call: Call) -> Response:
    call.cloud.faults.clear()
    return Response(204)


@ROUTES.on("DELETE", "/faults/{number}")
def clear_fault(call: Call) -> Response:
    call.cloud.faults.clear(int(call["number"]))
    return Response(204)


def _host(call: Call) -> Host:
    host = call.cloud.hosts.get(call["host"])
    if host is None:
        raise Refusal(404, f"no host named {call['host']}")
    return host


@ROUTES.on("POST", "/hosts/{host}/{verb}")
def change_host(call: Call) -> Response:
    host = _host(call)
    match call["verb"]:
        case "kill":
            fleet.kill(call.cloud, host)
        case "restart":
            fleet.restart(call.cloud, host)
        case "enable":
            fleet.set_status(call.cloud, host, enabled=True, reason=None)
        case "disable":
            reason = (call.request.body or {}).get("reason")
            fleet.set_status(call.cloud, host, enabled=False, reason=reason)
        case other:
            raise Refusal(404, f"a host knows kill, restart, enable, disable; not {other}")
    return Response(200, {"host": host.name, "alive": host.alive, "enabled": host.enabled})


@ROUTES.on("POST", "/servers/{server}/seconds")
def set_seconds(call: Call) -> Response:
    instance, asked = call.cloud.instance(call["server"]), call.body
    for name in ("live", "cold"):
        if name in asked:
            value = None if asked[name] is None else float(asked[name])
            setattr(instance, f"{name}_seconds", value)
    return Response(200, {"live": instance.live_seconds, "cold": instance.cold_seconds})


@ROUTES.on("POST", "/cells/{cell}/{verb}")
def change_cell(call: Call) -> Response:
    if call["verb"] not in ("down", "up"):
        raise Refusal(404, f"a cell goes down or up; not {call['verb']}")
    fleet.set_cell(call.cloud, call["cell"], down=call["verb"] == "down")
    return Response(200, {"down_cells": sorted(call.cloud.down_cells)})


@ROUTES.on("POST", "/churn")
def start_churn(call: Call) -> Response:
    churn.start(call.cloud, Rates.model_validate(call.body))
    return Response(200, {"churn": True})


@ROUTES.on("POST", "/churn/stop")
def stop_churn(call: Call) -> Response:
    churn.stop(call.cloud)
    return Response(200, {"churn": False})


@ROUTES.on("POST", "/tokens/revoke")
def revoke(call: Call) -> Response:
    return Response(200, {"revoked": call.cloud.identity.revoke_all()})


@ROUTES.on("POST", "/settings")
def settings(call: Call) -> Response:
    known: dict[str, Any] = {
        field.name: type(getattr(call.cloud.settings, field.name)) for field in fields(call.cloud.settings)
    }
    for name, value in call.body.items():
        if name not in known:
            raise Refusal(400, f"{name}: no such setting; known are {', '.join(sorted(known))}")
        setattr(call.cloud.settings, name, known[name](value))
    return Response(200, asdict(call.cloud.settings))
