"""Who is who in the devcloud: the services' accounts and addresses, and clouds.yaml for its users."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import yaml
from openstack.connection import Connection

from deploy.devcloud.layout import NAME, REGION, Layout, write_whole
from deploy.devcloud.rest import call, ensure

TYPES = {  # service: (type in the catalogue, what follows its origin)
    "placement": ("placement", ""),
    "glance": ("image", ""),
    "neutron": ("network", ""),
    "nova": ("compute", "/v2.1"),
}
SELF = {"keystone": ("identity", "/v3")}
INTERFACES = ("public", "internal", "admin")


def write_clouds(cloud: Layout, others: Mapping[str, Any] = MappingProxyType({})) -> None:
    """clouds.yaml: the administrator, and `others` by name."""
    document = {
        "clouds": {
            NAME: {
                "auth": {
                    "auth_url": cloud.url("keystone") + "/v3",
                    "username": "admin",
                    "password": cloud.secret,
                    "project_name": "admin",
                    "user_domain_name": "Default",
                    "project_domain_name": "Default",
                },
                "region_name": REGION,
                "identity_api_version": 3,
            },
            **others,
        }
    }
    write_whole(cloud.clouds, yaml.safe_dump(document, sort_keys=False))


def seed(cloud: Layout, connection: Connection) -> None:
    """Make what is not there; addresses follow when a port has changed."""
    roles = {
        name: ensure(connection, "identity", "/roles", "role", {"name": name})["id"]
        for name in ("admin", "service")
    }
    project = ensure(
        connection, "identity", "/projects", "project", {"name": "service", "domain_id": "default"}
    )["id"]
    for name in TYPES:
        user = {"name": name, "domain_id": "default", "password": cloud.secret, "default_project_id": project}
        known = ensure(connection, "identity", "/users", "user", user)["id"]
        for role in roles.values():
            call(connection, "identity", "PUT", f"/projects/{project}/users/{known}/roles/{role}")
    _catalogue(cloud, connection)


def _catalogue(cloud: Layout, connection: Connection) -> None:
    listed: list[dict[str, Any]] = call(connection, "identity", "GET", "/endpoints")["endpoints"]
    known = {(one["service_id"], one["interface"]): one for one in listed}
    for name, (kind, path) in {**SELF, **TYPES}.items():
        service = ensure(connection, "identity", "/services", "service", {"name": name, "type": kind})["id"]
        for interface in INTERFACES:
            wanted = {
                "service_id": service,
                "interface": interface,
                "region_id": REGION,
                "url": cloud.url(name) + path,
            }
            there = known.get((service, interface))
            if there is None:
                call(connection, "identity", "POST", "/endpoints", {"endpoint": wanted})
            elif there["url"] != wanted["url"]:
                call(connection, "identity", "PATCH", f"/endpoints/{there['id']}", {"endpoint": wanted})
