"""os-instance-actions: who asked what of a server, and the events that tell why it failed."""

import hashlib
from typing import Any

from deploy.simcloud.clock import parse_moment
from deploy.simcloud.entities import Action, Event
from deploy.simcloud.http import Call, Response
from deploy.simcloud.nova import ROUTES, number
from deploy.simcloud.nova_servers import visible
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.stamps import naive

OF_SERVER = "/v2.1/servers/{server}/os-instance-actions"


def _actions(call: Call) -> list[Action]:
    """Newest first; the history of a deleted server stays readable from 2.21 on."""
    if not (call.at_least(21) and call["server"] in call.cloud.gone):
        visible(call, call["server"])
    return list(reversed(call.cloud.actions.get(call["server"], ())))


@ROUTES.on("GET", OF_SERVER)
def index(call: Call) -> Response:
    actions = _actions(call)
    if "changes-since" in call.query and call.at_least(58):
        since = call.cloud.clock.seconds(parse_moment(call.query["changes-since"]))
        actions = [action for action in actions if action.updated >= since]
    if "limit" in call.query and call.at_least(58):
        actions = actions[: number(call, "limit", len(actions))]
    return Response(200, {"instanceActions": [_row(call, action) for action in actions]})


@ROUTES.on("GET", OF_SERVER + "/{request_id}")
def show(call: Call) -> Response:
    for action in _actions(call):
        if action.request_id == call["request_id"]:
            row = _row(call, action)
            if call.by.sees_all or call.at_least(51):
                row["events"] = [_event(call, event) for event in reversed(action.events)]
            return Response(200, {"instanceAction": row})
    raise Refusal(404, f"Action for request_id {call['request_id']} on instance {call['server']} not found")


def _row(call: Call, action: Action) -> dict[str, Any]:
    row: dict[str, Any] = {
        "action": action.action,
        "instance_uuid": call["server"],
        "request_id": action.request_id,
        "user_id": action.user_id,
        "project_id": action.project_id,
        "start_time": naive(call.cloud, action.start),
        "message": action.message,
    }
    if call.at_least(58):
        row["updated_at"] = naive(call.cloud, action.updated)
    return row


def _event(call: Call, event: Event) -> dict[str, Any]:
    row: dict[str, Any] = {
        "event": event.event,
        "start_time": naive(call.cloud, event.start),
        "finish_time": naive(call.cloud, event.finish),
        "result": event.result,
    }
    if call.by.sees_all:
        row["traceback"] = None if event.result != "Error" else f"Traceback (simulated): {event.details}"
    if call.at_least(62):
        row["hostId"] = hashlib.sha224(str(event.host).encode()).hexdigest() if event.host else ""
        if call.by.sees_all:
            row["host"] = event.host
    if call.at_least(84):
        row["details"] = event.details
    return row
