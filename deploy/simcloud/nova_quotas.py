"""Quotas and limits: what a project may have, and how much of it it has."""

from typing import Any

from deploy.simcloud import forms
from deploy.simcloud.entities import Quota
from deploy.simcloud.http import Call, Response, whole
from deploy.simcloud.nova import ROUTES, require_admin
from deploy.simcloud.refusal import Refusal

QUOTA = "/v2.1/os-quota-sets/{project}"
COUNTED = ("instances", "cores", "ram", "server_groups")
# Limits of other kinds, which nothing here ever reaches.
FIXED = {"key_pairs": 100, "metadata_items": 128, "server_group_members": 10}


def _used(call: Call, project: str) -> dict[str, int]:
    groups = sum(group.project_id == project for group in call.cloud.groups.values())
    counted = call.cloud.used_by_project.get(project, {"instances": 0, "cores": 0, "ram": 0})
    return {**counted, "server_groups": groups}


def _limits(call: Call, project: str) -> dict[str, int]:
    quota = call.cloud.quotas.get(project, Quota())
    return {**{name: getattr(quota, name) for name in COUNTED}, **FIXED}


def _project(call: Call) -> str:
    """Nova asks Keystone whether there is one."""
    project = call["project"]
    if project not in call.cloud.identity.projects.values():
        raise Refusal(400, f"Project ID {project} is not a valid project.")
    return project


@ROUTES.on("GET", QUOTA)
@ROUTES.on("GET", QUOTA + "/defaults")
def quota(call: Call) -> Response:
    forms.query(call, "user_id")
    project = _project(call)
    return Response(200, {"quota_set": {"id": project, **_limits(call, project)}})


@ROUTES.on("GET", QUOTA + "/detail")
def quota_detail(call: Call) -> Response:
    project = _project(call)
    used = _used(call, project)
    view: dict[str, Any] = {"id": project}
    for name, limit in _limits(call, project).items():
        view[name] = {"limit": limit, "in_use": used.get(name, 0), "reserved": 0}
    return Response(200, {"quota_set": view})


@ROUTES.on("PUT", QUOTA)
def set_quota(call: Call) -> Response:
    require_admin(call, "os-quota-sets:update")
    project = _project(call)
    limits = call.cloud.quotas.get(project, Quota())
    given = forms.fields("quota_set", forms.key(call, "quota_set"), known=(*COUNTED, *FIXED, "force"))
    for name, value in given.items():
        if name in COUNTED:
            setattr(limits, name, whole(value, name))
    call.cloud.quotas[project] = limits
    return Response(200, {"quota_set": _limits(call, project)})


@ROUTES.on("GET", "/v2.1/limits")
def limits(call: Call) -> Response:
    forms.query(call, "tenant_id")
    project = call.query.get("tenant_id", call.by.project_id) if call.by.sees_all else call.by.project_id
    limits, used = _limits(call, project), _used(call, project)
    absolute = {
        "maxTotalInstances": limits["instances"],
        "maxTotalCores": limits["cores"],
        "maxTotalRAMSize": limits["ram"],
        "maxTotalKeypairs": limits["key_pairs"],
        "maxServerMeta": limits["metadata_items"],
        "maxServerGroups": limits["server_groups"],
        "maxServerGroupMembers": limits["server_group_members"],
        "totalInstancesUsed": used["instances"],
        "totalCoresUsed": used["cores"],
        "totalRAMUsed": used["ram"],
        "totalServerGroupsUsed": used["server_groups"],
    }
    return Response(200, {"limits": {"rate": [], "absolute": absolute}})
