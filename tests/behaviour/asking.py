"""Requests to a cloud and questions about it, the same on either one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection

from tests.behaviour.hands import Hand
from tests.behaviour.sights import Answer, Deed, Row, Sighting

NEWEST = {"compute": "2.90", "placement": "1.36"}


@dataclass
class Asking:
    """Whoever asks. `hand` reaches behind the API; everything else goes through it."""

    hand: Hand

    def __post_init__(self) -> None:
        self.admin = self.hand.administrator()
        self._flavors: dict[str, str] = {}
        self._tenant: Connection | None = None

    # -- requests -----------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        microversion: str | None = None,
        service: str = "compute",
        by: Connection | None = None,
    ) -> Answer:
        """One request with exactly this microversion; a refusal is an answer, too."""
        reply = getattr(by or self.admin, service).request(
            path, method, json=body, microversion=microversion or NEWEST.get(service), raise_exc=False
        )
        told = reply.json() if reply.text else {}
        return Answer(reply.status_code, told)

    def get(self, path: str, *, service: str = "compute", microversion: str | None = None) -> Row:
        """A question that must be answered."""
        answer = self.request("GET", path, service=service, microversion=microversion)
        assert answer.status == 200, answer
        return answer.body

    def act(self, server: str, verb: str, given: Any = None, **how: Any) -> Answer:
        return self.request("POST", f"/servers/{server}/action", {verb: given}, **how)

    def live(self, server: str, host: str | None = None, **how: Any) -> Answer:
        """Ask for a live migration; without a host the scheduler chooses."""
        return self.act(server, "os-migrateLive", {"host": host, "block_migration": "auto"}, **how)

    def cold(self, server: str, host: str | None = None, **how: Any) -> Answer:
        return self.act(server, "migrate", None if host is None else {"host": host}, **how)

    def tenant(self) -> Connection:
        """A plain member of the same project, who may use its servers and administer nothing."""
        if self._tenant is None:
            self._tenant = self.hand.tenant()
        return self._tenant

    # -- things -------------------------------------------------------------------------------------------

    def flavor(self, name: str) -> str:
        if not self._flavors:
            self._flavors = {row["name"]: row["id"] for row in self.get("/flavors")["flavors"]}
        return self._flavors[name]

    def server(self, server: str) -> Row:
        return dict(self.get(f"/servers/{server}")["server"])

    def host_of(self, server: str) -> str:
        return str(self.server(server)["OS-EXT-SRV-ATTR:host"])

    def service(self, host: str) -> Row:
        return dict(self.get(f"/os-services?binary=nova-compute&host={host}")["services"][0])

    def set_service(self, host: str, **change: Any) -> Answer:
        return self.request("PUT", f"/os-services/{self.service(host)['id']}", change)

    # -- what is written down ----------------------------------------------------------------------------

    def records(self, server: str) -> list[Row]:
        """The migration records of a server, oldest first."""
        rows = self.get(f"/os-migrations?instance_uuid={server}")["migrations"]
        return sorted(rows, key=lambda row: int(row["id"]))

    def record(self, server: str) -> Row:
        """The newest one."""
        return self.records(server)[-1]

    def deeds(self, server: str) -> list[Deed]:
        """The instance actions of a server, newest first, with their events."""
        path = f"/servers/{server}/os-instance-actions"
        rows = self.get(path)["instanceActions"]
        return [self._deed(self.get(f"{path}/{row['request_id']}")["instanceAction"]) for row in rows]

    @staticmethod
    def _deed(row: Row) -> Deed:
        events = {event["event"]: (event["result"], event.get("details")) for event in row["events"]}
        return Deed(row["action"], row["message"], events)

    def allocations(self, consumer: str) -> dict[str, Row]:
        """What a server or a migration holds in Placement, by host."""
        names = {
            row["uuid"]: row["name"]
            for row in self.get("/resource_providers", service="placement")["resource_providers"]
        }
        held = self.get(f"/allocations/{consumer}", service="placement")["allocations"]
        return {names[provider]: dict(row["resources"]) for provider, row in held.items()}

    def look(self, server: str) -> Sighting:
        """The record first: Nova settles the server, then ends the record; no look may turn that round."""
        records, view = self.records(server), self.server(server)
        return Sighting(
            view["status"],
            view["OS-EXT-STS:task_state"],
            view["OS-EXT-SRV-ATTR:host"],
            records[-1]["status"] if records else None,
        )
