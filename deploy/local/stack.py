"""The embedded default: a Temporal dev server, a simulated cloud and a worker, each a process of its own.

Everything listens on loopback and leaves its process id, log and address below one directory.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.loopback import answers, choosing, free_ports
from workflows.wire import attributes

TEMPORAL = str(Path(sys.executable).with_name("temporal"))  # the stock command, beside this Python
NAMES = ("worker", "simcloud", "temporal")  # in the order in which they are stopped
USUAL = {"temporal": 7233, "ui": 8233, "simcloud": 8774}
# The simulator's own Prometheus.
_DATASOURCE = """ballast: v1
kind: Datasource
name: simcloud
dialect: gauges
url: {origin}/prometheus
"""
PATIENCE = 90.0  # seconds for a process to answer, on a machine that does much else


class DidNotStart(RuntimeError):
    """A part of the stack that did not come up; names its log."""


@dataclass
class Stack:
    """The processes below `directory` and how to reach them.

    `elsewhere`: clouds.yaml and the name in it of a cloud that runs already; without it there is a simulator.
    """

    directory: Path
    ports: dict[str, int] = field(default_factory=dict)
    elsewhere: tuple[Path, str] | None = None
    worker: dict[str, str] = field(default_factory=dict)  # settings of the worker alone
    server: dict[str, str] = field(default_factory=dict)  # dynamic configuration of the Temporal server
    usual: Mapping[str, int] = field(
        default_factory=lambda: USUAL
    )  # the ports that it takes if they are free

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports['temporal']}"

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.ports['ui']}"

    @property
    def cloud_origin(self) -> str:
        return f"http://127.0.0.1:{self.ports['simcloud']}"

    @property
    def clouds(self) -> Path:
        return self.elsewhere[0] if self.elsewhere else self.directory / "clouds.yaml"

    @property
    def cloud(self) -> str:
        """The name of the cloud in that file."""
        return self.elsewhere[1] if self.elsewhere else "simcloud"

    @property
    def environment(self) -> dict[str, str]:
        """What a shell needs to talk to the stack with the stock `temporal` command and with `ballast`."""
        return {
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_UI": self.ui,
            "OS_CLIENT_CONFIG_FILE": str(self.clouds),
            "OS_CLOUD": self.cloud,
            "BALLAST_STORE": str(self.directory / "store"),
            **({} if self.elsewhere else {"BALLAST_DATASOURCES": str(self.directory / "metrics.yaml")}),
        }

    def up(self, simulator: list[str] | None = None, *, speed: float = 1.0) -> None:
        """Start all, or leave nothing running; the simulator takes --hosts N --seed S, or --cloud FILE."""
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            with choosing():
                self.ports |= free_ports(self.usual)
                self.start_temporal()
                if self.elsewhere is None:
                    self.start_simcloud([*(simulator or []), "--speed", f"{speed:g}"])
                self.await_temporal()
            self.start_worker()
            self.write_environment()
        except BaseException:  # an interrupt too: nobody would know what to stop
            self.down()
            raise

    def start_temporal(self) -> None:
        options = [
            *("--ip", "127.0.0.1", "--port", str(self.ports["temporal"]), "--ui-port", str(self.ports["ui"])),
            *("--db-filename", str(self.directory / "temporal.db"), "--log-level", "error"),
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"),
        ]
        for name, value in self.server.items():
            options += ["--dynamic-config-value", f"{name}={value}"]
        for key in attributes.ALL:
            kind = key.indexed_value_type.name.title()
            options += ["--search-attribute", f"{key.name}={kind}"]
        self.spawn("temporal", [TEMPORAL, "server", "start-dev", *options])

    def start_simcloud(self, options: list[str]) -> None:
        clouds = self.clouds
        clouds.unlink(missing_ok=True)
        self.spawn(
            "simcloud",
            [
                *(sys.executable, "-m", "deploy.simcloud", "--port", str(self.ports["simcloud"])),
                *("--journal", str(self.directory / "journal.jsonl"), "--clouds-yaml", str(clouds), *options),
            ],
        )
        self._await("simcloud", clouds.exists)
        (self.directory / "metrics.yaml").write_text(_DATASOURCE.format(origin=self.cloud_origin))

    def start_worker(self, module: str = "deploy.cli") -> None:
        """`module` is what Python runs with the argument `worker`: tests have one with a planted bug."""
        self.spawn(
            "worker",
            [sys.executable, "-m", module, "worker"],
            {"BALLAST_REJECT_UNKNOWN_TYPES": "true", **self.worker},
        )
        log = self.directory / "worker.log"
        self._await("worker", lambda: b'"worker started"' in log.read_bytes())

    def await_temporal(self) -> None:
        """Until it serves: for a moment after its port answers it refuses every call as not healthy yet."""
        ask = [TEMPORAL, "operator", "cluster", "health", "--address", self.address]

        def serves() -> bool:
            if not answers(self.ports["temporal"]):
                return False
            with contextlib.suppress(subprocess.TimeoutExpired):
                return subprocess.run(ask, capture_output=True, check=False, timeout=10).returncode == 0
            return False

        self._await("temporal", serves)

    def spawn(self, name: str, command: list[str], more: dict[str, str] | None = None) -> None:
        """Start a process that outlives this one, with its log and process id beside the others."""
        with (self.directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment, **(more or {})},
                start_new_session=True,
            )
        (self.directory / f"{name}.pid").write_text(f"{process.pid}\n")

    def write_environment(self) -> None:
        bin_directory = Path(sys.executable).parent
        lines = [f"export {k}={shlex.quote(v)}" for k, v in self.environment.items()]
        lines.append(f'export PATH={shlex.quote(str(bin_directory))}:"$PATH"')
        (self.directory / "env").write_text("\n".join(lines) + "\n")

    def down(self) -> list[str]:
        """Stop what runs, by the recorded process ids; answers the names of what was stopped."""
        return [name for name in NAMES if stop(self.directory / f"{name}.pid")]

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        pid_file, deadline = self.directory / f"{name}.pid", time.monotonic() + PATIENCE
        while not (runs := alive(read_pid(pid_file))) or not ready():
            if not runs or time.monotonic() > deadline:
                log = self.directory / f"{name}.log"
                tail = log.read_text(errors="replace").strip().splitlines()[-5:] or ["it says nothing"]
                late = f"was still starting after {PATIENCE:g} s; when the machine is less busy, try again"
                how = late if runs else "did not start"
                raise DidNotStart(f"{name} {how}; the end of {log}:\n" + "\n".join(tail))
            time.sleep(0.05)


def read_pid(path: Path) -> int | None:
    return int(path.read_text()) if path.exists() else None


def alive(pid: int | None) -> bool:
    if pid is None:
        return False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # our own child must be reaped before it counts as gone
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def stop(pid_file: Path, patience: float = 12.0) -> bool:
    """Ask a process to end, and end it when it does not. False when it was not running."""
    pid = read_pid(pid_file)
    running = alive(pid)
    if pid is not None and running:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    pid_file.unlink(missing_ok=True)
    return running
