"""What an operator does with plans from outside, by the stock `temporal` command, on whatever cloud."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.live.stack import YAML, Live

Document = dict[str, Any]


@dataclass
class Operator(ABC):
    """Somebody with a shell; `name` keeps the ids of tests apart, `uuids` are the servers by their names."""

    live: Live
    name: str
    uuids: dict[str, str] = field(default_factory=dict)

    @abstractmethod
    def host(self, server: str) -> str:
        """Where a server is now."""

    # -- plans by hand ------------------------------------------------------------------------------------

    def move(self, server: str, to: str, *, id: str = "", kind: str = "live", **more: Any) -> Document:
        uuid = self.uuids[server]
        source = more.pop("source", None) or self.host(server)
        parameters = {"instance": uuid, "source": source, "destination": to, "kind": kind}
        return {"id": id or server, "type": "migrate", "parameters": parameters, **more}

    def plan(self, *actions: Document, **execution: Any) -> Document:
        """A plan that runs at once unless told otherwise."""
        settings = {"mode": "auto", "on_failure": "stop", **execution}
        return {
            "ballast": "v1",
            "kind": "ActionPlan",
            "cloud": self.live.stack.cloud,
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
            "cloud": self.live.stack.cloud,
            "strategy": "host_maintenance",
            "parameters": {"maintenance_node": host},
            "execution": execution,
        }

    def schedule(self, document: Document, name: str) -> str:
        """A Schedule of an audit, made from YAML by the stock CLI; answers its id."""
        path = self.live.stack.directory / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        when = ("--cron", "0 3 1 1 *", "--overlap-policy", "AllowAll")  # not while a test runs
        audit = ("--type", "Audit", "-t", "ballast", "-w", f"audit/{name}", "--input-file", str(path), *YAML)
        made = self.live.cli("schedule", "create", "--schedule-id", name, *when, *audit)
        assert made.returncode == 0, made.stderr
        return name

    def trigger(self, schedule: str) -> str:
        """Let a Schedule begin a round now; answers the id of its audit."""

        def rounds() -> list[str]:
            told = self.live.cli("schedule", "describe", "-s", schedule, "-o", "json")
            begun = json.loads(told.stdout)["info"].get("recentActions", [])
            return [row["startWorkflowResult"]["workflowId"] for row in begun]

        before = rounds()
        if before:  # its id tells the second: of two rounds in the same one Temporal begins the first
            time.sleep(1)
        words = (
            "schedule",
            "trigger",
            "-s",
            schedule,
            "--overlap-policy",
            "AllowAll",
        )  # as the Schedule itself
        assert self.live.cli(*words).returncode == 0
        found = self.live.until(lambda: rounds()[len(before) :], f"{schedule} starts no round")
        return str(found[-1])

    def unschedule(self, *schedules: str) -> None:
        for id in schedules:
            assert self.live.cli("schedule", "delete", "-s", id).returncode == 0

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
