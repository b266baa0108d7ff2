"""The real stack for tests: Temporal dev server, simulated cloud, worker; used from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.local.stack import USUAL, Stack, alive, read_pid
from workflows.wire import ahead

TEMPORAL = Path(sys.executable).with_name("temporal")
YAML = ("--input-meta", "encoding=text/yaml")
PATIENCE = 90.0  # seconds for what takes one or two on a machine that does nothing else
# While a server is killed, whoever starts would take its usual port.
UNUSUAL = dict.fromkeys(USUAL, 0)
THREE_ROOMS = Path(__file__).parents[2] / "deploy" / "simcloud" / "clouds" / "three-rooms.yaml"


class NotInTime(AssertionError):
    """Something that should have happened did not."""


@dataclass
class Live:
    """One running stack, as an operator with a shell sees it."""

    stack: Stack

    def cli(self, *words: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """The stock `temporal` command."""
        return subprocess.run(
            [TEMPORAL, *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **self.stack.environment},
        )

    def start(self, kind: str, id: str, document: Mapping[str, Any] | str) -> None:
        """Start a workflow from YAML, as the README says."""
        path = self.stack.directory / "input.yaml"
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(dict(document)))
        words = ("workflow", "start", "-t", "ballast", "--type", kind, "-w", id)
        done = self.cli(*words, "--input-file", str(path), *YAML)
        assert done.returncode == 0, done.stderr

    def update(self, id: str, name: str, **payload: Any) -> subprocess.CompletedProcess[str]:
        words = ("workflow", "update", "execute", "-w", id, "--name", name, "--input", json.dumps(payload))
        return self.cli(*words)

    def signal(self, id: str, name: str, payload: str) -> subprocess.CompletedProcess[str]:
        return self.cli("workflow", "signal", "-w", id, "--name", name, "--input", payload)

    def query(self, id: str, name: str = "status") -> dict[str, Any]:
        done = self._query(id, name)
        while done.returncode and ahead.SAID in done.stderr:
            time.sleep(0.5)
            done = self._query(id, name)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout)["queryResult"][0])

    def _query(self, id: str, name: str) -> subprocess.CompletedProcess[str]:
        return self.cli("workflow", "query", "-w", id, "--type", name, "-o", "json")

    def describe(self, id: str) -> dict[str, Any]:
        done = self.cli("workflow", "describe", "-w", id, "-o", "json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def closed(self, id: str, within: float = PATIENCE) -> str:
        """Temporal's own word for how a workflow ended: COMPLETED, FAILED, CANCELED, …"""

        def look() -> str:
            status = self.describe(id)["workflowExecutionInfo"]["status"]
            word = str(status).removeprefix("WORKFLOW_EXECUTION_STATUS_")
            return "" if word == "RUNNING" else word

        return str(self.until(look, f"{id} does not end", within))

    def reaches(self, id: str, *states: str, within: float = PATIENCE) -> dict[str, Any]:
        """Wait until the query `status` tells one of these states."""

        def look() -> dict[str, Any] | None:
            told = self._status(id)
            return told if told and told["state"] in states else None

        complaint = f"{id} does not come to {' or '.join(states)}"
        try:
            return dict(self.until(look, complaint, within))
        except NotInTime as late:
            raise NotInTime(f"{late}; it is {self._status(id)}") from None

    def action(self, id: str, action: str, *states: str, within: float = PATIENCE) -> dict[str, Any]:
        """Wait until an action of a plan is in one of these states."""

        def look() -> dict[str, Any] | None:
            told = (self._status(id) or {}).get("actions", {}).get(action)
            return told if told and told["state"] in states else None

        return dict(self.until(look, f"{action} of {id} does not come to {' or '.join(states)}", within))

    def _status(self, id: str) -> dict[str, Any] | None:
        """None while it cannot be asked: it does not exist yet, or its worker is away."""
        done = self._query(id, "status")
        return dict(json.loads(done.stdout)["queryResult"][0]) if done.returncode == 0 else None

    def until(self, look: Callable[[], Any], complaint: str, within: float = PATIENCE) -> Any:
        deadline, pause = time.monotonic() + within, 0.1
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(pause)
            pause = min(1.1 * pause, 0.3)  # a look is a process or two, and others wait for the processor
        raise NotInTime(f"{complaint} (waited {within:g} s)")

    # -- the cloud, seen past Ballast ---------------------------------------------------------------------

    def sim(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """The simulator's control path `/_sim/…`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  loopback
            f"{self.stack.cloud_origin}/_sim/{path}",
            data=data,
            method=method or ("GET" if data is None else "POST"),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310  loopback
            return json.loads(reply.read() or b"null")

    def where(self) -> dict[str, str]:
        """Which host each server is on."""
        return dict(self.sim("where"))

    def journal(self) -> list[dict[str, Any]]:
        """Every request so far; a line that the simulator is still writing does not count."""
        lines = (self.stack.directory / "journal.jsonl").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def moves(self) -> list[dict[str, Any]]:
        """Every request to move a server that Nova accepted, from the journal."""
        return [
            r
            for r in self.journal()
            if r.get("action") in ("os-migrateLive", "migrate") and r.get("accepted")
        ]

    # -- the processes --------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """kill -9 of one of: worker, temporal, simcloud."""
        pid = read_pid(self.stack.directory / f"{name}.pid")
        assert pid is not None
        os.kill(pid, 9)
        self.until(lambda: not alive(pid), f"{name} survives kill -9")

    def kill_worker(self) -> None:
        self.kill("worker")

    def start_worker(self) -> None:
        self.stack.start_worker()


def bring_up(
    directory: Path, cloud: Path, *, speed: float = 20.0, server: Mapping[str, str] | None = None
) -> Live:
    """A stack of its own below `directory` on a declared cloud."""
    stack = Stack(directory, server=dict(server or {}), usual=UNUSUAL)
    stack.up(["--cloud", str(cloud)], speed=speed)
    return Live(stack)


def bring_up_beside(directory: Path, clouds: Path, cloud: str) -> Live:
    """A stack of its own below `directory` on a cloud that runs already."""
    stack = Stack(directory, elsewhere=(clouds, cloud))
    stack.up()
    return Live(stack)
