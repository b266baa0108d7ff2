"""A cloud as the behaviour suite sees it: the same requests and the same questions on either one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from openstack.connection import Connection

from tests.behaviour.hands import Fault, Hand
from tests.behaviour.sights import ENDED, Answer, Deed, NotInTime, Row, Sighting

NEWEST = {"compute": "2.90", "placement": "1.36"}
PATIENCE = 120.0  # cloud seconds for anything to happen


@dataclass
class Cloud:
    """One running cloud. `hand` reaches behind its API; everything else goes through it."""

    hand: Hand
    made: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

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

    # -- servers ------------------------------------------------------------------------------------------

    def flavor(self, name: str) -> str:
        if not self._flavors:
            self._flavors = {row["name"]: row["id"] for row in self.get("/flavors")["flavors"]}
        return self._flavors[name]

    def ask_boot(self, flavor: str = "small", *, group: str | None = None, **more: Any) -> Answer:
        """Ask for a server; `more` are fields of the request (host, availability_zone, ...)."""
        server = {
            "name": "behaviour",
            "flavorRef": self.flavor(flavor),
            "imageRef": self.hand.image(),
            "networks": "none",
            **more,
        }
        hints = {} if group is None else {"os:scheduler_hints": {"group": group}}
        answer = self.request("POST", "/servers", {"server": server, **hints})
        if answer.status == 202:
            self.made.append(answer.body["server"]["id"])
        return answer

    def boot(self, flavor: str = "small", host: str | None = None, **more: Any) -> str:
        """A new server that is ACTIVE, on that host if one is named."""
        answer = self.ask_boot(flavor, **more, **({} if host is None else {"host": host}))
        assert answer.status == 202, answer
        server = str(answer.body["server"]["id"])
        self.until(lambda: self.server(server)["status"] != "BUILD", f"{server} is not built")
        view = self.server(server)
        assert view["status"] == "ACTIVE", view.get("fault")
        return server

    def group(self, policy: str) -> str:
        wanted = {"name": f"{policy}-{uuid.uuid4().hex[:6]}", "policy": policy}
        answer = self.request("POST", "/os-server-groups", {"server_group": wanted})
        assert answer.status == 200, answer
        self.groups.append(answer.body["server_group"]["id"])
        return self.groups[-1]

    def server(self, server: str) -> Row:
        return dict(self.get(f"/servers/{server}")["server"])

    def host_of(self, server: str) -> str:
        return str(self.server(server)["OS-EXT-SRV-ATTR:host"])

    def service(self, host: str) -> Row:
        return dict(self.get(f"/os-services?binary=nova-compute&host={host}")["services"][0])

    def set_service(self, host: str, **change: Any) -> Answer:
        return self.request("PUT", f"/os-services/{self.service(host)['id']}", change)

    # -- what Nova writes down ----------------------------------------------------------------------------

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

    # -- time ---------------------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.hand.pace)

    def until(self, look: Callable[[], Any], complaint: str, within: float = PATIENCE) -> Any:
        deadline = time.monotonic() + max(5.0, within / self.hand.pace)
        while not (found := look()):
            if time.monotonic() > deadline:
                raise NotInTime(f"{complaint} (waited {within:g} s of the cloud's time)")
            self.sleep(0.1)
        return found

    def look(self, server: str) -> Sighting:
        view, records = self.server(server), self.records(server)
        return Sighting(
            view["status"],
            view["OS-EXT-STS:task_state"],
            view["OS-EXT-SRV-ATTR:host"],
            records[-1]["status"] if records else None,
        )

    def watch(self, server: str, ended: Callable[[Sighting], bool] | None = None) -> list[Sighting]:
        """The distinct sightings until the end: no task any more, and the newest record ended."""
        seen: list[Sighting] = []
        over = ended or (lambda now: now.task is None and now.record in ENDED)

        def look() -> bool:
            now = self.look(server)
            if not seen or seen[-1] != now:
                seen.append(now)
            return over(now)

        try:
            self.until(look, f"the move of {server} does not end")
        except NotInTime as late:
            raise NotInTime(f"{late}; seen: {seen}") from None
        return seen

    def reaches(self, server: str, record: str) -> Row:
        """Wait until the newest record of a server has this status."""

        def look() -> Row | None:
            rows = self.records(server)
            return rows[-1] if rows and rows[-1]["status"] == record else None

        return dict(self.until(look, f"the record of {server} does not come to {record!r}"))

    # -- behind the API -----------------------------------------------------------------------------------

    def fault(self, server: str, where: Fault) -> None:
        """Let the server's next moves fail there; `stall` holds a live one at half."""
        self.hand.fault(server, where)

    def seconds(self, server: str, *, live: float | None = None, cold: float | None = None) -> None:
        """How long moves of this server take, in the cloud's seconds."""
        self.hand.seconds(server, live, cold)

    def kill_compute(self, host: str) -> None:
        """kill -9; Nova notices after its service_down_time."""
        self.hand.kill_compute(host)

    def start_compute(self, host: str) -> None:
        """Start it again and wait until Nova sees it."""
        self.hand.start_compute(host)
        self.until(lambda: self.service(host)["state"] == "up", f"{host} does not come up")

    def tidy(self) -> None:
        """No faults, no servers, no groups of a test are left, and every host may be used."""
        self.hand.forget()
        for row in self.get("/os-services?binary=nova-compute")["services"]:
            if row["status"] != "enabled" or row["forced_down"]:
                change = {"status": "enabled", "forced_down": False}
                answer = self.request("PUT", f"/os-services/{row['id']}", change)
                assert answer.status == 200, answer
        left = [server for server in self.made if self._remove(server)]
        self.until(lambda: not any(self._exists(server) for server in left), f"{left} are not deleted")
        for group in self.groups:
            self.request("DELETE", f"/os-server-groups/{group}")
        self.made.clear()
        self.groups.clear()

    def _remove(self, server: str) -> bool:
        """Ends what is under way first: a server deleted during a live migration leaks its allocation."""
        if not self._exists(server):
            return False
        for row in self.get(f"/servers/{server}/migrations")["migrations"]:
            self.request("DELETE", f"/servers/{server}/migrations/{row['id']}")
        if self.records(server):
            self.until(lambda: self.server(server)["OS-EXT-STS:task_state"] is None, f"{server} stays busy")
        return self.request("DELETE", f"/servers/{server}").status == 204

    def _exists(self, server: str) -> bool:
        return self.request("GET", f"/servers/{server}").status == 200
