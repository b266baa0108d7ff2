"""The devcloud's form of what tests do to a cloud past its API: knobs file, processes, Keystone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from openstack.connection import Connection

from deploy.devcloud import services
from deploy.devcloud.layout import NAME, layout
from deploy.devcloud.rest import call, ensure
from tests.behaviour.hands import COMPUTES, Fault, connect
from tests.behaviour.mirror import TENANT

ENVIRONMENT = Path(".venv-devcloud")


class Real:
    """The devcloud below a directory; it is started unless it runs, and left running."""

    name = "devcloud"
    pace = 1.0

    def __init__(self, directory: Path) -> None:
        self._cloud = layout(directory, ENVIRONMENT.absolute())
        self._image = ""
        if any(self._cloud.process(name).pid is None for name in self._wanted()):
            command = [sys.executable, "-m", "deploy.devcloud"]
            subprocess.run(
                [*command, "--computes", str(COMPUTES), "--directory", str(directory)],
                check=True,
                timeout=600,
            )

    @staticmethod
    def _wanted() -> list[str]:
        computes = [f"nova-compute-cmp-{number:03d}" for number in range(1, COMPUTES + 1)]
        return [*services.APIS, *services.AGENTS, *computes]

    def administrator(self) -> Connection:
        return connect(self._cloud.clouds, NAME)

    def tenant(self) -> Connection:
        """A new user each time: Keystone takes tokens of the second of a new password for revoked."""
        administrator, name, password = self.administrator(), f"{TENANT}-{uuid4().hex[:8]}", uuid4().hex
        wanted = {"name": name, "domain_id": "default", "password": password}
        user = ensure(administrator, "identity", "/users", "user", wanted)["id"]
        role = ensure(administrator, "identity", "/roles", "role", {"name": "member"})["id"]
        path = f"/projects/{administrator.current_project_id}/users/{user}/roles/{role}"
        call(administrator, "identity", "PUT", path)
        return connect(self._cloud.clouds, NAME, username=name, password=password)

    def image(self) -> str:
        if not self._image:
            self._image = str(
                call(self.administrator(), "image", "GET", "/images?name=tiny")["images"][0]["id"]
            )
        return self._image

    def fault(self, server: str, where: Fault) -> None:
        self._turn(server, {"stall": True} if where == "stall" else {"fail": where})

    def seconds(self, server: str, live: float | None, cold: float | None) -> None:
        for kind, value in (("live", live), ("cold", cold)):
            if value is not None:
                self._turn(server, {f"{kind}_seconds": value, f"{kind}_seconds_per_gib": 0.0})

    def forget(self) -> None:
        self._write({**self._knobs(), "servers": {}})

    def _turn(self, server: str, knobs: dict[str, Any]) -> None:
        document = self._knobs()
        servers = document.setdefault("servers", {})
        servers[server] = {**servers.get(server, {}), **knobs}
        self._write(document)

    def _knobs(self) -> dict[str, Any]:
        return dict(json.loads(self._cloud.knobs.read_text()))

    def _write(self, document: dict[str, Any]) -> None:
        draft = self._cloud.knobs.with_suffix(".new")
        draft.write_text(json.dumps(document, indent=2) + "\n")
        draft.replace(self._cloud.knobs)

    def kill_compute(self, host: str) -> None:
        process = self._cloud.compute(host)
        pid = process.pid
        assert pid is not None, f"the nova-compute of {host} does not run"
        os.kill(pid, signal.SIGKILL)
        while process.pid is not None:
            time.sleep(0.05)

    def start_compute(self, host: str) -> None:
        services.start_computes(self._cloud, (host,))

    def down(self) -> None:
        """Whoever started it stops it: `make test-devcloud`, or a person."""
