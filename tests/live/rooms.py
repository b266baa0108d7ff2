"""The cloud `three-rooms` behind a live stack: servers by name, plans by hand, and back to the start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from openstack.config import OpenStackConfig
from openstack.connection import Connection

from deploy.simcloud.settings import Settings
from tests.live.operator import Document, Operator, close, nop, one_line, sleep, states

__all__ = [
    "MOVING",
    "ONE_WAY",
    "SPEED",
    "WIDE",
    "Document",
    "Rooms",
    "before_it_runs",
    "close",
    "nop",
    "one_line",
    "sleep",
    "states",
]
SPEED = 40.0  # simulated seconds per second: a small server moves in less than one
MOVING = ("preparing", "running")
WIDE = {"parallel": 9, "out_per_host": 9, "in_per_host": 9}  # limits that hold nothing back
ONE_WAY = {  # a kind of action from which there is no way back
    "abortable": True,
    "reversible": False,
    "heartbeat_seconds": 5,
    "timeout_seconds": 60,
    "timeout_factor": 3,
    "retry": {"attempts": 1, "initial_seconds": 1, "backoff": 1, "maximum_seconds": 1},
}


@dataclass
class Rooms(Operator):
    """One cloud at its start, as a test finds it."""

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
        usual = Settings()
        records = {"record_delay": usual.record_delay, "prompt_share": usual.prompt_share}
        self.live.sim("settings", records)
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

        self.live.until(look, f"{server} does not move")

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


@contextmanager
def before_it_runs(rooms: Rooms, id: str) -> Iterator[None]:
    """A RECOMMENDED plan whose cloud is changed before it is approved."""
    rooms.live.reaches(id, "RECOMMENDED")
    yield
    rooms.answer(id, "approve", by="eve")
