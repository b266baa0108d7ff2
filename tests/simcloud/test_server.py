"""The served cloud: a real process, a real port, real openstacksdk over a socket."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1 import exceptions
from openstack.config import OpenStackConfig
from openstack.connection import Connection

SPEED = 50


class Served:
    """One running process with its files."""

    def __init__(self, folder: Path) -> None:
        self.journal_file, self.clouds_file = folder / "journal.jsonl", folder / "clouds.yaml"
        arguments = ["--hosts", "6", "--seed", "1", "--port", "0", "--speed", str(SPEED)]
        files = ["--journal", str(self.journal_file), "--clouds-yaml", str(self.clouds_file)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy.simcloud", *arguments, *files], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        announced = re.search(r"http://\S+", self.process.stdout.readline())
        assert announced is not None
        self.origin = announced.group()

    def connect(self, name: str = "simcloud") -> Connection:
        return Connection(config=OpenStackConfig(config_files=[str(self.clouds_file)]).get_one(name))

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        if body is None:
            return requests.get(f"{self.origin}/_sim/{path}", timeout=60).json()
        answer = requests.post(f"{self.origin}/_sim/{path}", json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def journal(self) -> list[dict[str, Any]]:
        lines = self.journal_file.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]  # it is being written


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("simcloud"))
    yield running
    running.process.terminate()
    running.process.wait(timeout=60)


def _movable(served: Served) -> tuple[str, str]:
    """A server that may go to another host of its zone, and that host."""
    state = served.control("state")
    hosts = {
        name: row
        for name, row in state["hosts"].items()
        if row["status"] == "enabled" and row["state"] == "up"
    }
    for uuid, row in state["instances"].items():
        if row["status"] != "ACTIVE" or row["group"] or "nvme" in row["flavor"]:
            continue
        for name, host in hosts.items():
            same_zone = host["zone"] == state["hosts"][row["host"]]["zone"]
            room = host["capacity"]["MEMORY_MB"] - host["used"]["MEMORY_MB"]
            if name != row["host"] and same_zone and room > row["resources"]["MEMORY_MB"]:
                return uuid, name
    raise AssertionError("the seed gives no movable server")


@pytest.mark.parametrize("name", ["simcloud", "simcloud-password"])
def test_both_kinds_of_credentials_open_the_door(served: Served, name: str) -> None:
    """The clouds.yaml that the process wrote works as it is."""
    sdk = served.connect(name)
    assert len(list(sdk.compute.hypervisors())) == 6
    assert len(list(sdk.compute.servers(all_projects=True))) == len(served.control("where"))


def test_time_passes_by_itself(served: Served) -> None:
    """A live migration over the wire ends on its own, `speed` times faster than in life."""
    sdk, (server, target) = served.connect(), _movable(served)
    body = {"os-migrateLive": {"host": target, "block_migration": "auto"}}
    answer = sdk.compute.post(f"/servers/{server}/action", json=body, microversion="2.96")
    assert answer.status_code == 202
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        rows = sdk.compute.get(f"/os-migrations?instance_uuid={server}", microversion="2.80").json()[
            "migrations"
        ]
        if rows and rows[0]["status"] == "completed":
            break
        time.sleep(0.05)
    assert served.control("where")[server] == target
    line = next(line for line in served.journal() if line.get("action") == "os-migrateLive")
    assert line["accepted"]
    assert line["migration"] == rows[0]["uuid"]
    assert line["wall_time"]


def test_a_reply_dropped_on_the_wire_was_processed(served: Served) -> None:
    """The socket closes without a byte; the journal on disk already has the accepted request."""
    sdk = served.connect()
    server = next(row for row in sdk.compute.servers(all_projects=True) if row.status == "ACTIVE")
    fault = {"effect": "drop_reply", "action": "lock", "instance": server.id, "count": 1}
    served.control("faults", {"api": fault})
    with pytest.raises(exceptions.ConnectFailure):
        sdk.compute.lock_server(server)
    seq = next(line["seq"] for line in served.journal() if line.get("action") == "lock" and line["accepted"])
    assert any(line["event"] == "dropped" and line["seq"] == seq for line in served.journal())
    assert served.control("state")["instances"][server.id]["locked"]


def test_a_delayed_reply_comes_late_but_takes_effect_at_once(served: Served) -> None:
    """The journal line is there while the client still waits."""
    sdk = served.connect()
    server = next(row for row in sdk.compute.servers(all_projects=True) if row.status == "ACTIVE")
    served.control(
        "faults", {"api": {"effect": "delay_reply", "action": "unlock", "seconds": 0.5, "count": 1}}
    )
    began = time.monotonic()
    sdk.compute.unlock_server(server)
    assert time.monotonic() - began >= 0.5
    mine = [line for line in served.journal() if line.get("action") == "unlock"]
    assert mine[-1]["accepted"]


def test_the_controls_reach_everything(served: Served) -> None:
    """Advance, settle, move, kill, restart, cells, churn, speed, settings, faults: each by one request."""
    server, target = _movable(served)
    served.control("move", {"server": server, "host": target})
    assert served.control("where")[server] == target
    before = served.control("state")["now"]
    served.control("advance", {"seconds": 100})
    assert served.control("state")["now"] >= before + 100
    served.control("hosts/az1-cmp-0001/kill", {})
    served.control("advance", {"seconds": 30})
    assert served.control("state")["hosts"]["az1-cmp-0001"]["state"] == "down"
    served.control("hosts/az1-cmp-0001/restart", {})
    served.control("settle", {})
    assert served.control("state")["hosts"]["az1-cmp-0001"]["state"] == "up"
    served.control("cells/cell1/down", {})
    assert served.control("state")["down_cells"] == ["cell1"]
    served.control("cells/cell1/up", {})
    served.control("churn", {"boots": 5, "deletes": 5, "seed": 1})
    served.control("advance", {"seconds": 5})
    served.control("churn/stop", {})
    assert served.control("speed", {"speed": 60}) == {"speed": 60.0}
    assert served.control("settings", {"record_delay": 0.2})["record_delay"] == 0.2
    refused = requests.post(f"{served.origin}/_sim/faults", json={"api": {"effect": "boom"}}, timeout=60)
    assert (refused.status_code, list(refused.json())) == (400, ["error"])


def test_a_wrong_cloud_file_stops_the_process_with_one_line(tmp_path: Path) -> None:
    """Exit code 2, the path and the reason, no traceback."""
    path = tmp_path / "wrong.yaml"
    path.write_text("hostz: []\n")
    command = [sys.executable, "-m", "deploy.simcloud", "--cloud", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "hostz" in done.stderr


def test_json_is_taken_for_json_however_a_client_calls_it(served: Served) -> None:
    """curl and urllib call all that they post a form unless told otherwise, and people use them here."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = json.dumps({"speed": SPEED})
    answer = requests.post(f"{served.origin}/_sim/speed", data=body, headers=form, timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"speed": SPEED})
