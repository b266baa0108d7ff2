"""The two clouds that the demo plays on: how each comes up, and what it says itself about its servers."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from deploy.local.stack import Stack
from deploy.local.telling import heading, say

SPEED = 25.0  # simulated seconds per second: a migration takes about one
LEISURE = 4.0  # the same for people who go on by hand
Document = Mapping[str, Any]


class Cloud(Protocol):
    """A cloud with a stack beside it; its answers come from the cloud itself, past Ballast."""

    stack: Stack

    def start(self) -> None:
        """Bring all up, and tell of it. Raises DidNotStart."""

    def where(self) -> dict[str, str]:
        """Which host each server is on."""

    def services(self) -> dict[str, str]:
        """Whether each host is enabled."""

    def scope(self) -> Document:
        """What the demo's audit may look at and change."""

    def leave(self, *, keep: bool) -> None:
        """The story was told to its end; says what goes on running and how that is stopped."""


class Simulated:
    """A simulated cloud of the demo's own, from nothing each time."""

    def __init__(self, directory: Path, hosts: int, seed: int) -> None:
        self.stack = Stack(directory)
        self._hosts, self._seed = hosts, seed

    def start(self) -> None:
        heading("Starting a Temporal dev server, a simulated OpenStack cloud and a Ballast worker")
        begin_anew(self.stack)
        self.stack.up(["--hosts", str(self._hosts), "--seed", str(self._seed)], speed=SPEED)
        say(f"Temporal     {self.stack.address}   UI {self.stack.ui}")
        origin = self.stack.cloud_origin
        say(f"the cloud    {origin}   {self._hosts} hosts, seed {self._seed}, {SPEED:g} x faster")
        say(f"logs         {os.path.relpath(self.stack.directory)}/{{temporal,simcloud,worker}}.log")

    def where(self) -> dict[str, str]:
        return dict(self._sim("where"))

    def services(self) -> dict[str, str]:
        return {name: str(row["status"]) for name, row in self._sim("state")["hosts"].items()}

    def scope(self) -> Document:
        return {}

    def leave(self, *, keep: bool) -> None:
        if keep:
            self._sim("speed", {"speed": LEISURE})

    def _sim(self, path: str, body: Document | None = None) -> Any:
        """The simulator's own control path, past OpenStack's."""
        url = f"{self.stack.cloud_origin}/_sim/{path}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(url, data, timeout=10) as reply:  # noqa: S310  loopback
            return json.load(reply)


def begin_anew(stack: Stack) -> None:
    """What an earlier demo left beside the cloud is stopped and removed."""
    stack.down()
    shutil.rmtree(stack.directory, ignore_errors=True)
