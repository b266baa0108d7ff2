"""The cloud `three-rooms` behind a live stack: servers by name, plans by hand, and back to the start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openstack.config import OpenStackConfig
from openstack.connection import Connection

from tests.live import Live

Document = dict[str, Any]
SPEED = 40.0  # simulated seconds per second: a small server moves in less than one
MOVING = ("preparing", "running")


@dataclass
class Rooms:
    """One cloud at its start, as a test finds it; `name` keeps the ids of tests apart."""

    live: Live
    name: str
    uuids: dict[str, str] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)

    # -- the cloud ----------------------------------------------------------------------------------------

    def remember(self) -> None:
        """Take what is there now for the start."""
        instances = self.live.sim("state")["instances"]
        self.uuids = {server["name"]: uuid for uuid, server in instances.items()}
        self.home = self.live.where()

    def nova(self) -> Connection:
        """The cloud as somebody else with the same rights sees it."""
        config = OpenStackConfig(config_files=[str(self.live.stack.directory / "clouds.yaml")])
        return Connection(config=config.get_one(cloud="simcloud"))

    def restore(self) -> None:
        """No faults, every server at home, every host as declared, time as fast as usual."""
        self.live.sim("faults", method="DELETE")
        self.live.sim("settle", {})
        now = self.live.where()
        strangers = set(now) - set(self.home)
        if strangers:
            nova = self.nova()
            for uuid in sorted(strangers):
                nova.compute.delete_server(uuid)
            self.live.sim("settle", {})
        for uuid, host in self.home.items():
            if uuid in now and now[uuid] != host:
                self.live.sim("move", {"server": uuid, "host": host})
        for host in sorted(set(self.home.values())):
            self.live.sim(f"hosts/{host}/enable", {})
        self.live.sim("hosts/west-2/disable", {"reason": "waiting for memory"})
        self.speed(SPEED)

    def speed(self, simulated_seconds_per_second: float) -> None:
        self.live.sim("speed", {"speed": simulated_seconds_per_second})

    def host(self, server: str) -> str:
        return self.live.where()[self.uuids[server]]

    def server(self, name: str) -> Document:
        return dict(self.live.sim("state")["instances"][self.uuids[name]])

    def service(self, host: str) -> tuple[str, str | None]:
        """Status and disabled reason."""
        row = self.live.sim("state")["hosts"][host]
        return row["status"], row["disabled_reason"]

    def at_home(self) -> bool:
        """Whether every server that there still is is where it was."""
        return all(self.home[uuid] == host for uuid, host in self.live.where().items())

    def put(self, server: str, host: str) -> None:
        """Somebody else moves a server, in an instant."""
        self.live.sim("move", {"server": self.uuids[server], "host": host})

    def late_failure(self, server: str) -> None:
        """Nova will accept the move of this server and then find no valid host for it."""
        self.live.sim("faults", {"migration": {"effect": "check", "instance": self.uuids[server]}})

    def is_moving(self, server: str) -> None:
        """Wait until a migration of this server is on its way."""

        def look() -> bool:
            rows = self.live.sim("state")["migrations"]
            return any(r["instance"] == self.uuids[server] and r["status"] in MOVING for r in rows)

        self.live.until(look, 20, f"{server} does not move")

    def journal(self) -> int:
        """Where the journal stands, for `writes`."""
        lines = self.live.sim("journal?since=0")["lines"]
        return int(lines[-1]["seq"]) if lines else 0

    def writes(self, since: int) -> list[Document]:
        """The requests since then that would change something, whether accepted or not."""
        lines = self.live.sim(f"journal?since={since}")["lines"]
        return [
            line
            for line in lines
            if line["event"] == "processed" and line["method"] != "GET" and "/auth/tokens" not in line["path"]
        ]

    def accepted_moves(self, server: str, since: int) -> int:
        return sum(
            line["action"] in ("os-migrateLive", "migrate")
            and line["accepted"]
            and line["server"] == self.uuids[server]
            for line in self.writes(since)
        )

    # -- plans by hand ------------------------------------------------------------------------------------

    def move(self, server: str, to: str, *, id: str = "", kind: str = "live", **more: Any) -> Document:
        uuid = self.uuids[server]
        source = more.pop("source", None) or self.live.where()[uuid]
        parameters = {"instance": uuid, "source": source, "destination": to, "kind": kind}
        return {"id": id or server, "type": "migrate", "parameters": parameters, **more}

    def plan(self, *actions: Document, **execution: Any) -> Document:
        """A plan that runs at once unless told otherwise."""
        settings = {"mode": "auto", "on_failure": "stop", **execution}
        return {
            "ballast": "v1",
            "kind": "ActionPlan",
            "cloud": "simcloud",
            "execution": settings,
            "actions": list(actions),
        }

    def start(self, *actions: Document, **execution: Any) -> str:
        """Start a plan; answers its id."""
        id = f"plan/{self.name}"
        self.live.start("ActionPlan", id, self.plan(*actions, **execution))
        return id

    def roll_back(self, plan: str, **more: Any) -> str:
        """Ask for the rollback of a plan; answers the id of that."""
        id = f"rollback/{plan}"
        asked = {
            "ballast": "v1",
            "kind": "Rollback",
            "plan": plan,
            "reason": "the test wants it back",
            **more,
        }
        self.live.start("Rollback", id, asked)
        return id

    def audit(self, host: str, **execution: Any) -> Document:
        return {
            "ballast": "v1",
            "kind": "Audit",
            "name": self.name,
            "cloud": "simcloud",
            "strategy": "host_maintenance",
            "parameters": {"maintenance_node": host},
            "execution": execution,
        }

    # -- what people read ---------------------------------------------------------------------------------

    def answer(self, id: str, message: str, **payload: Any) -> str:
        """Send an update that must be obeyed."""
        done = self.live.update(id, message, **payload)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refusal(self, id: str, message: str, payload: Any) -> str:
        """Send an update that must be refused, in one line."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        done = self.live.cli("workflow", "update", "execute", "-w", id, "--name", message, "--input", text)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        return one_line(done.stderr)

    def page(self, id: str) -> str:
        """The markdown that the Temporal UI shows."""
        done = self.live.cli("workflow", "metadata", "-w", id)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("Current Details:", 1)[1]

    def failure(self, id: str) -> tuple[str, str]:
        """Type and message of the failure that ended a workflow."""
        done = self.live.cli("workflow", "show", "-w", id, "-o", "json")
        assert done.returncode == 0, done.stderr
        last = json.loads(done.stdout)["events"][-1]
        failure = last["workflowExecutionFailedEventAttributes"]["failure"]
        assert not failure.get("stackTrace"), failure["stackTrace"]
        return failure.get("applicationFailureInfo", {}).get("type", ""), failure["message"]


def sleep(id: str, seconds: float, **more: Any) -> Document:
    return {"id": id, "type": "sleep", "parameters": {"seconds": seconds}, **more}


def nop(id: str, **more: Any) -> Document:
    return {"id": id, "type": "nop", **more}


def close(host: str, *, id: str = "close", reason: str = "ballast: test", **more: Any) -> Document:
    parameters = {"host": host, "state": "disabled", "reason": reason}
    return {"id": id, "type": "change_nova_service_state", "parameters": parameters, **more}


def states(told: Mapping[str, Any]) -> dict[str, str]:
    """Each action's state, with the cause of a skip in brackets."""
    return {
        id: row["state"] + (f"({row['cause']})" if "cause" in row else "")
        for id, row in told["actions"].items()
    }


def one_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    assert len(lines) == 1, text
    return lines[0]
