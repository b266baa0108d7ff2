"""Ballast beside the real cloud: servers by name, what Nova says of them, snapshots for the judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from tests.behaviour.clouds import Cloud
from tests.live.operator import Document, Operator

SHORT = {
    "abortable": True,
    "reversible": True,
    "heartbeat_seconds": 5,
    "timeout_seconds": 600,
    "timeout_factor": 10,
    "retry": {"attempts": 10, "initial_seconds": 0.5, "backoff": 1.5, "maximum_seconds": 5},
}
RUNNING = ("ACTIVE", None)


@dataclass
class Site(Operator):
    """One test's servers on the cloud, and the stack that moves them."""

    cloud: Cloud = field(kw_only=True)

    # -- the cloud ----------------------------------------------------------------------------------------

    def boot(self, live: float = 1.0, cold: float = 1.0, flavor: str = "small", **where: str) -> None:
        """Servers by name on their hosts, all at once; their moves take so many seconds."""
        for name, host in where.items():
            answer = self.cloud.ask_boot(flavor, name=name, host=host)
            assert answer.status == 202, answer
            self.uuids[name] = str(answer.body["server"]["id"])
            self.pace(name, live=live, cold=cold)
        built = [self.uuids[name] for name in where]
        self.live.until(lambda: all(self._active(uuid) for uuid in built), f"{list(where)} are not built")

    def _active(self, uuid: str) -> bool:
        view = self.cloud.server(uuid)
        assert view["status"] != "ERROR", view.get("fault")
        return bool(view["status"] == "ACTIVE")

    def pace(self, server: str, **seconds: float) -> None:
        """How long moves of this server take: live, cold."""
        self.cloud.seconds(self.uuids[server], **seconds)

    def host(self, server: str) -> str:
        return self.cloud.host_of(self.uuids[server])

    def where(self) -> dict[str, str]:
        """The host of each of the test's servers."""
        return {name: self.host(name) for name in self.uuids}

    def flavors(self) -> dict[str, str]:
        """The flavor of each of the test's servers."""
        views = {name: self.cloud.server(uuid) for name, uuid in self.uuids.items()}
        return {name: view["flavor"]["original_name"] for name, view in views.items()}

    def resize(self, server: str, flavor: str) -> Document:
        parameters = {"instance": self.uuids[server], "flavor": flavor}
        return {"id": server, "type": "resize", "parameters": parameters}

    def state(self, server: str) -> tuple[str, str | None]:
        """Status and task."""
        view = self.cloud.server(self.uuids[server])
        return view["status"], view["OS-EXT-STS:task_state"]

    def service(self, host: str) -> tuple[str, str | None]:
        """Status and disabled reason."""
        row = self.cloud.service(host)
        return row["status"], row["disabled_reason"]

    def moves(self, server: str) -> list[str]:
        """What Nova's migration records of a server say, oldest first: each is a move that it accepted."""
        return [row["status"] for row in self.cloud.records(self.uuids[server])]

    def is_moving(self, server: str, within: float = 30) -> None:
        """Wait until the memory of this server is on its way."""
        self.live.until(lambda: self._under_way(server), f"{server} does not move", within)

    def _under_way(self, server: str) -> bool:
        return "running" in self.moves(server)

    def away(self, server: str, host: str) -> None:
        """Somebody else moves a server, and waits for its end."""
        before = self.host(server)
        assert self.cloud.live(self.uuids[server], host).status == 202
        self.live.until(lambda: self.host(server) == host, f"{server} does not leave {before}")
        self.live.until(lambda: self.state(server) == RUNNING, f"{server} stays busy")

    def clear(self) -> None:
        """Delete the test's servers; one that a broken move left in its task is freed of that first."""
        for uuid in self.uuids.values():
            view, moves = self.cloud.server(uuid), self.cloud.records(uuid)
            if view["OS-EXT-STS:task_state"] and (not moves or moves[-1]["status"] in ("error", "failed")):
                self.cloud.act(uuid, "os-resetState", {"state": "active"})
        self.uuids.clear()
        self.cloud.tidy()

    # -- Ballast ------------------------------------------------------------------------------------------

    def quick(self, *actions: Document, **execution: Any) -> str:
        """Start a plan whose moves are taken up soon after their worker has died; answers its id."""
        id, document = f"plan/{self.name}", self.plan(*actions, **execution)
        self.live.start("ActionPlan", id, {**document, "types": {"migrate": SHORT}})
        return id

    def audit_by(self, strategy: str, parameters: Document | None = None, **execution: Any) -> Document:
        return {
            "ballast": "v1",
            "kind": "Audit",
            "name": self.name,
            "cloud": self.live.stack.cloud,
            "strategy": strategy,
            "parameters": parameters or {},
            "execution": {"mode": "auto", **execution},
        }

    def snapshot(self) -> Document:
        """The model of the whole cloud, by the stock command."""
        file = self.live.stack.directory / "snapshot.json"
        command = [sys.executable, "-m", "deploy.cli", "snapshot", "--cloud", self.live.stack.cloud]
        subprocess.run(
            [*command, "-o", str(file)],
            check=True,
            capture_output=True,
            timeout=60,
            env={**os.environ, **self.live.stack.environment},
        )
        return dict(json.loads(file.read_text()))
