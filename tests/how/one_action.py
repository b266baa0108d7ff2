"""One action on a small cloud: what a test asks for, and what the cloud was asked then."""

from dataclasses import replace
from typing import Any

from activities.doing.execute import Outcome, carry_out
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.identity import Caller
from plan_schemas.plan import Action
from tests.how.acting import (
    ALLOW,
    VirtualWatch,
    door_to,
    observed,
    planned,
    writes,
)


def uuid_of(cloud: Cloud, name: str) -> str:
    return next(i.uuid for i in cloud.instances.values() if i.name == name)


def move(cloud: Cloud, name: str = "web", to: str = "a2", kind: str = "live") -> Action:
    cluster = observed(cloud)
    return planned(cluster, "migrate", instance=uuid_of(cloud, name), source="a1", destination=to, kind=kind)


def setting(cloud: Cloud, state: str, reason: str | None = None, host: str = "a1") -> Action:
    more = {"reason": reason} if reason else {}
    return planned(observed(cloud), "change_nova_service_state", host=host, state=state, **more)


def run(cloud: Cloud, action: Action, watch: VirtualWatch | None = None) -> Outcome:
    return carry_out(action, door_to(cloud), watch or VirtualWatch.new(cloud), allow=ALLOW)


def posts(cloud: Cloud) -> list[Any]:
    return [line["action"] or line["method"] for line in writes(cloud)]


def stranger(cloud: Cloud) -> Caller:
    return replace(caller(cloud), user_id="somebody-else")


def caller(cloud: Cloud) -> Caller:
    user = cloud.identity.users["ballast"]
    return Caller(user.id, user.name, cloud.identity.projects[user.project], user.roles, "req-0")
