"""Small clouds and short words for the tests of the simulated cloud."""

from typing import Any

from openstack.connection import Connection

from deploy.simcloud.adapter import connect
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.declared import declare

LATEST = "2.100"


def small(**more: Any) -> Cloud:
    """Three hosts of two zones, two servers on the first."""
    document: dict[str, Any] = {
        "hosts": [
            {"name": "a1", "zone": "az1"},
            {"name": "a2", "zone": "az1"},
            {"name": "b1", "zone": "az2"},
        ],
        "flavors": [
            {"name": "m1", "vcpus": 2, "memory_mb": 4096, "disk_gb": 20},
            {"name": "m2", "vcpus": 4, "memory_mb": 8192, "disk_gb": 40},
        ],
        "servers": [
            {"name": "web", "flavor": "m1", "host": "a1"},
            {"name": "db", "flavor": "m1", "host": "a1", "stopped": True},
        ],
        **more,
    }
    return declare(document)


class Nova:
    """A real openstacksdk connection with the few calls the tests repeat."""

    def __init__(self, cloud: Cloud, user: str = "ballast") -> None:
        self.cloud = cloud
        self.sdk: Connection = connect(cloud, user)

    def id(self, name: str) -> str:
        return next(uuid for uuid, instance in self.cloud.instances.items() if instance.name == name)

    def get(self, path: str, version: str = LATEST) -> Any:
        return self.sdk.compute.get(path, microversion=version)

    def server(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/servers/{self.id(name)}").json()["server"]
        return found

    def where(self, name: str) -> tuple[str, str]:
        """Status and host as the API tells them."""
        server = self.server(name)
        return server["status"], server["OS-EXT-SRV-ATTR:host"]

    def act(self, name: str, body: dict[str, Any], version: str = LATEST) -> Any:
        return self.sdk.compute.post(f"/servers/{self.id(name)}/action", json=body, microversion=version)

    def live(self, name: str, host: str | None = None, version: str = LATEST) -> Any:
        return self.act(name, {"os-migrateLive": {"host": host, "block_migration": "auto"}}, version)

    def migrations(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get(f"/os-migrations?instance_uuid={self.id(name)}").json()[
            "migrations"
        ]
        return rows

    def statuses(self, name: str) -> list[str]:
        return [row["status"] for row in self.migrations(name)]

    def story(self, name: str, action: str) -> dict[str, Any]:
        """The newest instance action of a kind, with its events."""
        path = f"/servers/{self.id(name)}/os-instance-actions"
        rows = self.get(path).json()["instanceActions"]
        request = next(row["request_id"] for row in rows if row["action"] == action)
        found: dict[str, Any] = self.get(f"{path}/{request}").json()["instanceAction"]
        return found


def message(response: Any) -> str:
    """The sentence inside any of Nova's error bodies."""
    (inside,) = response.json().values()
    return str(inside["message"])
