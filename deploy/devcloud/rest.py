"""Plain JSON requests on an openstacksdk connection, for what is made once and looked up by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions as trouble
from openstack.connection import Connection
from openstack.exceptions import SDKException

from deploy.devcloud.processes import DidNotStart

MICROVERSION = {"compute": "2.90", "placement": "1.36"}


def call(
    connection: Connection, service: str, method: str, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One request; raises DidNotStart with the service's own words when it is refused."""
    version = MICROVERSION.get(service)
    try:
        adapter = getattr(connection, service)
        answer = adapter.request(path, method, json=body, microversion=version, raise_exc=False)
    except (trouble.ClientException, SDKException) as problem:
        raise DidNotStart(f"{service} did not answer {method} {path}: {problem}") from problem
    if answer.status_code >= 400:
        raise DidNotStart(f"{service} answered {answer.status_code} to {method} {path}: {answer.text[:300]}")
    return dict(answer.json()) if answer.text else {}


def ensure(
    connection: Connection, service: str, path: str, singular: str, wanted: Mapping[str, Any], **fixed: str
) -> dict[str, Any]:
    """The thing of that name, made if it is not there. `fixed`: plural (its name in lists), query."""
    plural = fixed.get("plural", singular + "s")
    listed = call(connection, service, "GET", path + fixed.get("query", ""))[plural]
    for found in listed:
        if found["name"] == wanted["name"]:
            return dict(found)
    made = call(connection, service, "POST", path.removesuffix("/detail"), {singular: dict(wanted)})
    return dict(made[singular])
