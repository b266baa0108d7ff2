"""PURE: the requests by which actions change a cloud, each declared once, sent or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """One request to Nova that changes something."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None

    @property
    def document(self) -> dict[str, Any]:
        """As it stands in the evidence of a dry run."""
        body = {"body": dict(self.body)} if self.body is not None else {}
        return {"method": self.method, "path": self.path, **body}


def live_migrate(uuid: str, host: str) -> Order:
    return _act(uuid, {"os-migrateLive": {"host": host, "block_migration": "auto"}})


def cold_migrate(uuid: str, host: str) -> Order:
    return _act(uuid, {"migrate": {"host": host}})


def resize(uuid: str, flavor: str) -> Order:
    """To the flavor of that id. Nova takes no host here."""
    return _act(uuid, {"resize": {"flavorRef": flavor}})


def confirm(uuid: str) -> Order:
    return _act(uuid, {"confirmResize": None})


def revert(uuid: str) -> Order:
    return _act(uuid, {"revertResize": None})


def abort(uuid: str, migration: int) -> Order:
    return Order("DELETE", f"/servers/{uuid}/migrations/{migration}")


def stop(uuid: str) -> Order:
    return _act(uuid, {"os-stop": None})


def start(uuid: str) -> Order:
    return _act(uuid, {"os-start": None})


def set_service(service: str, status: str, reason: str | None) -> Order:
    told = {"disabled_reason": reason} if reason and status == "disabled" else {}
    return Order("PUT", f"/os-services/{service}", {"status": status, **told})


def _act(uuid: str, body: Mapping[str, Any]) -> Order:
    return Order("POST", f"/servers/{uuid}/action", body)
