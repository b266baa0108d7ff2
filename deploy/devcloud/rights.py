"""The two users of docs/least-privilege.md: each with its role and an application credential of few calls."""

from __future__ import annotations

import json
from typing import Any

import openstack
from openstack.connection import Connection

from deploy.devcloud.configuration import RIGHTS
from deploy.devcloud.layout import NAME, REGION, Layout
from deploy.devcloud.rest import call, ensure

READER, OPERATOR = "ballast-reader", "ballast-operator"  # roles, and the users who have them
PROJECT = "ballast"  # it owns nothing: both see every project's servers
RULES = {READER: "access-rules-reader.json", OPERATOR: "access-rules-operator.json"}


def seed(cloud: Layout, connection: Connection) -> dict[str, Any]:
    """Make what is not there; answers further clouds for clouds.yaml, by name."""
    project = ensure(
        connection, "identity", "/projects", "project", {"name": PROJECT, "domain_id": "default"}
    )["id"]
    roles = {
        role: ensure(connection, "identity", "/roles", "role", {"name": role})["id"]
        for role in (READER, OPERATOR)
    }
    implied = call(connection, "identity", "GET", f"/roles/{roles[OPERATOR]}/implies")
    if not any(one["id"] == roles[READER] for one in implied["role_inference"]["implies"]):
        call(connection, "identity", "PUT", f"/roles/{roles[OPERATOR]}/implies/{roles[READER]}")
    clouds: dict[str, Any] = {}
    for name, role in roles.items():
        user = {"name": name, "domain_id": "default", "password": cloud.secret}
        known = ensure(connection, "identity", "/users", "user", user)["id"]
        call(connection, "identity", "PUT", f"/projects/{project}/users/{known}/roles/{role}")
        clouds[f"{NAME}-{name.removeprefix('ballast-')}"] = {
            "auth_type": "v3applicationcredential",
            "auth": {
                "auth_url": cloud.url("keystone") + "/v3",
                "application_credential_id": _credential(cloud, name, known),
                "application_credential_secret": cloud.secret,
            },
            "region_name": REGION,
        }
    return clouds


def signed_in(cloud: Layout, user: str) -> Connection:
    """One of the two by password: all that its role may do, without the access rules of its credential."""
    return openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth={
            "auth_url": cloud.url("keystone") + "/v3",
            "username": user,
            "password": cloud.secret,
            "project_name": PROJECT,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
        region_name=REGION,
        identity_endpoint_override=cloud.url("keystone") + "/v3",
    )


def _credential(cloud: Layout, name: str, user: str) -> str:
    """The id of the user's application credential; made anew when the file of its rules has changed."""
    rules = json.loads((RIGHTS / RULES[name]).read_text())
    own = signed_in(cloud, name)
    path = f"/users/{user}/application_credentials"
    for known in call(own, "identity", "GET", path)["application_credentials"]:
        if known["name"] == name and _same(known.get("access_rules") or [], rules):
            return str(known["id"])
        call(own, "identity", "DELETE", f"{path}/{known['id']}")
    wanted = {"name": name, "secret": cloud.secret, "access_rules": rules}
    made = call(own, "identity", "POST", path, {"application_credential": wanted})
    return str(made["application_credential"]["id"])


def _same(these: list[dict[str, str]], those: list[dict[str, str]]) -> bool:
    def plain(rules: list[dict[str, str]]) -> set[tuple[str, str, str]]:
        return {(rule["service"], rule["method"], rule["path"]) for rule in rules}

    return plain(these) == plain(those)
