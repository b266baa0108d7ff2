"""The demo on the devcloud: brings it up, boots servers of its own, puts back what an earlier demo left.

Servers of others are out of the audit's scope and stay where they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deploy.devcloud import guests, seed
from deploy.devcloud.__main__ import ENVIRONMENT, ROOT
from deploy.devcloud.hosts import declared
from deploy.devcloud.layout import NAME, Layout
from deploy.devcloud.processes import DidNotStart as CloudDidNotStart
from deploy.devcloud.rest import call
from deploy.local.clouds import Document, begin_anew
from deploy.local.fleet import HOST, MARK, Fleet
from deploy.local.stack import DidNotStart, Stack
from deploy.local.telling import heading, say

SERVICES = "/os-services?binary=nova-compute"


class Devcloud:
    """The devcloud below `root` with at least so many hosts, and a stack below `directory` beside it."""

    def __init__(self, directory: Path, root: Path | None, hosts: int) -> None:
        self.stack = Stack(directory)
        root = root or ROOT
        self._root, self._hosts = root, declared(hosts)
        self._memory = root / "demo.json"  # the services as they were, until they are so again

    def start(self) -> None:
        heading("Bringing up a real OpenStack control plane; what runs of it goes on as it is")
        words = ["--computes", str(len(self._hosts)), "--directory", str(self._root)]
        done = subprocess.run([sys.executable, "-m", "deploy.devcloud", *words], check=False)
        if done.returncode:
            raise DidNotStart("the devcloud did not come up; what stands above says why")
        begin_anew(self.stack)
        cloud = Layout(self._root.resolve(), ENVIRONMENT.absolute(), {}, "")
        heading("The demo's own servers on it; those of others are left alone")
        try:
            self._nova = seed.connect(cloud)
            fleet = Fleet(self._nova, self._hosts)
            self._put_back()
            fleet.tidy()
            self._memory.write_text(json.dumps(self._states(), indent=2) + "\n")
            fleet.boot()
        except CloudDidNotStart as problem:
            raise DidNotStart(str(problem)) from problem
        self._start_stack(cloud)

    def _start_stack(self, cloud: Layout) -> None:
        heading("Starting a Temporal dev server and a Ballast worker beside it")
        self.stack.elsewhere = (cloud.clouds, NAME)
        self.stack.up()
        keystone = self._nova.config.get_auth_args()["auth_url"]
        say(f"Temporal     {self.stack.address}   UI {self.stack.ui}")
        say(f"the cloud    {keystone}   {len(self._states())} hosts, real Nova and Placement")
        say(f"logs         {_short(self.stack.directory)}/{{temporal,worker}}.log, {_short(cloud.log)}/")

    def _put_back(self) -> None:
        """Enable and disable hosts as they were before a demo that did not come to its end."""
        if not self._memory.exists():
            return
        now = self._states()
        for host, (status, reason) in json.loads(self._memory.read_text()).items():
            if host in now and now[host][:2] != [status, reason]:
                body = {"status": status, **({"disabled_reason": reason} if reason else {})}
                say(f"{host} is {now[host][0]}: put back to {status}")
                call(self._nova, "compute", "PUT", f"/os-services/{now[host][2]}", body)

    def _states(self) -> dict[str, list[str | None]]:
        """Each host's status, disabled reason and service id."""
        rows = call(self._nova, "compute", "GET", SERVICES)["services"]
        return {row["host"]: [row["status"], row["disabled_reason"], row["id"]] for row in rows}

    def where(self) -> dict[str, str]:
        return {row["id"]: row[HOST] for row in guests.listed(self._nova)}

    def services(self) -> dict[str, str]:
        return {host: f"{status} {reason or ''}" for host, (status, reason, _) in self._states().items()}

    def scope(self) -> Document:
        others = [row["id"] for row in guests.listed(self._nova) if MARK not in row["metadata"]]
        return {"exclude": {"instances": sorted(others)}} if others else {}

    def leave(self, *, keep: bool) -> None:  # noqa: ARG002
        self._memory.unlink()
        own = "" if self._root == ROOT else f"   (its directory is {_short(self._root)})"
        say(f"the devcloud goes on running, with the demo's servers; `make devcloud-down` stops it{own}")


def _short(path: Path) -> str:
    return os.path.relpath(path)
