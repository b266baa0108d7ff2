"""What tests do to a cloud past its API: faults, durations, killed computes; here the simulator's form."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Literal, Protocol

import yaml
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from tests.behaviour import mirror

Fault = Literal["check", "pre", "way", "cold", "stall"]
COMPUTES = 6


class Hand(Protocol):
    """A running cloud, as whoever owns its machines reaches it."""

    name: str
    pace: float  # cloud seconds per second

    def administrator(self) -> Connection: ...
    def tenant(self) -> Connection: ...
    def image(self) -> str: ...
    def fault(self, server: str, where: Fault) -> None: ...
    def seconds(self, server: str, live: float | None, cold: float | None) -> None: ...
    def forget(self) -> None: ...
    def kill_compute(self, host: str) -> None: ...
    def start_compute(self, host: str) -> None: ...
    def down(self) -> None: ...


def connect(clouds: Path, entry: str, **auth: str) -> Connection:
    """As the user of that entry, or as another one in its place."""
    config = OpenStackConfig(config_files=[str(clouds)]).get_one(cloud=entry, auth=auth)
    return Connection(config=config)


class Simulated:
    """The simulator as a process of its own, with the devcloud's hosts."""

    name = "simulator"
    pace = mirror.SPEED

    def __init__(self, directory: Path) -> None:
        self._clouds = directory / "clouds.yaml"
        declared = directory / "like-devcloud.yaml"
        declared.write_text(yaml.safe_dump(mirror.declaration(COMPUTES), sort_keys=False))
        options = ["--cloud", str(declared), "--port", "0", "--speed", f"{self.pace:g}"]
        options += ["--clouds-yaml", str(self._clouds), "--journal", str(directory / "journal.jsonl")]
        with (directory / "simcloud.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.simcloud", *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        announced = self._process.stdout.readline()
        assert " at http" in announced, (directory / "simcloud.log").read_text()
        self._origin = announced.rsplit(" ", 1)[1].strip()

    def administrator(self) -> Connection:
        return connect(self._clouds, "simcloud")

    def tenant(self) -> Connection:
        return connect(self._clouds, f"simcloud-{mirror.TENANT}")

    def image(self) -> str:
        """It serves no images and asks for none to exist."""
        return str(uuid.UUID(int=1))

    def fault(self, server: str, where: Fault) -> None:
        if where == "cold":
            for kind in ("migration", "resize"):
                self._plant({"effect": "on_the_way", "instance": server, "kind": kind})
            return
        effect = "on_the_way" if where == "way" else where
        self._plant({"effect": effect, "instance": server, "kind": "live-migration"})

    def _plant(self, fault: dict[str, Any]) -> None:
        self._control("POST", "faults", {"migration": fault})

    def seconds(self, server: str, live: float | None, cold: float | None) -> None:
        self._control("POST", f"servers/{server}/seconds", {"live": live, "cold": cold})

    def forget(self) -> None:
        self._control("DELETE", "faults")

    def kill_compute(self, host: str) -> None:
        self._control("POST", f"hosts/{host}/kill", {})

    def start_compute(self, host: str) -> None:
        self._control("POST", f"hosts/{host}/restart", {})

    def down(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _control(self, method: str, path: str, body: Any = None) -> None:
        request = urllib.request.Request(  # noqa: S310  loopback
            f"{self._origin}/_sim/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310  loopback
            reply.read()
