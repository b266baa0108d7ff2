"""A cloud as the behaviour suite sees it: servers to make, moves to watch, and a sweep at the end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.behaviour.asking import Asking
from tests.behaviour.hands import Fault
from tests.behaviour.sights import ENDED, Answer, NotInTime, Row, Sighting

PATIENCE = 120.0  # cloud seconds for anything to happen


@dataclass
class Cloud(Asking):
    """One running cloud with what a test has made in it."""

    made: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    aggregates: list[int] = field(default_factory=list)

    # -- servers ------------------------------------------------------------------------------------------

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

    def aggregate(self, metadata: dict[str, str], *hosts: str) -> int:
        """A new aggregate of these hosts."""
        name = f"behaviour-{uuid.uuid4().hex[:6]}"
        answer = self.request("POST", "/os-aggregates", {"aggregate": {"name": name}})
        assert answer.status == 200, answer
        number = int(answer.body["aggregate"]["id"])
        self.aggregates.append(number)
        for verb in (
            {"set_metadata": {"metadata": metadata}},
            *({"add_host": {"host": one}} for one in hosts),
        ):
            self.request("POST", f"/os-aggregates/{number}/action", verb)
        return number

    def _dissolve(self, number: int) -> None:
        row = self.get(f"/os-aggregates/{number}")["aggregate"]
        for host in row["hosts"]:
            self.request("POST", f"/os-aggregates/{number}/action", {"remove_host": {"host": host}})
        self.request("DELETE", f"/os-aggregates/{number}")

    # -- time ---------------------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.hand.pace)

    def until(self, look: Callable[[], Any], complaint: str, within: float = PATIENCE) -> Any:
        deadline = time.monotonic() + max(60.0, within / self.hand.pace)
        while not (found := look()):
            if time.monotonic() > deadline:
                raise NotInTime(f"{complaint} (waited {within:g} s of the cloud's time)")
            self.sleep(0.1)
        return found

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
        for number in self.aggregates:
            self._dissolve(number)
        for made in (self.made, self.groups, self.aggregates):
            made.clear()

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
