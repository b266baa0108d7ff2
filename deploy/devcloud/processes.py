"""Processes that outlive the command that started them, known by process id and start time."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.devcloud import ports
from deploy.loopback import is_free


class DidNotStart(RuntimeError):
    """Something of the devcloud that did not come up; says what and where its log is."""


def _ticks(pid: int) -> str | None:
    """When a live process started, in clock ticks since boot; None when there is none, or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


@dataclass(frozen=True)
class Process:
    """One recorded process: its name, where its id is written and where its output goes."""

    name: str
    pid_file: Path
    log: Path

    @property
    def pid(self) -> int | None:
        """The id of the recorded process while it lives; an id that another process has got since is None."""
        try:
            pid, ticks = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _ticks(int(pid)) == ticks else None

    def start(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(environment),
                cwd=cwd,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{child.pid} {_ticks(child.pid)}\n")

    def wait(self, port: int, ready: Callable[[], bool], patience: float) -> None:
        """Until it listens itself and answers; raises DidNotStart when it ends before or takes too long."""
        deadline = time.monotonic() + patience
        while True:
            pid = self.pid
            if pid is not None and ports.listens(pid, port) and ready():
                return
            if pid is None and not is_free(port):
                raise DidNotStart(
                    f"{self.name} ended: another process has taken its port {port} just now. Start again, "
                    "after `make devcloud-down`: another port is chosen then"
                )
            if pid is None or time.monotonic() > deadline:
                how = "ended" if pid is None else f"did not answer within {patience:.0f} s"
                raise DidNotStart(f"{self.name} {how}; the end of {self.log}:\n{tail(self.log)}")
            time.sleep(0.1)


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """One start or stop of a devcloud at a time: a second one waits for the first, and then sees its work."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another start or stop of {os.path.relpath(root)} ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def stop(processes: Sequence[Process], patience: float = 20.0) -> list[str]:
    """Ask all to end at once, end those that do not; answers the names of those that ran.

    Each leads a session of its own, so the signal goes to its whole group: a service's workers too.
    """
    running = [(process, pid) for process in processes if (pid := process.pid) is not None]
    for _, pid in running:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while any(process.pid for process, _ in running) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process, pid in running:
        if process.pid is not None:
            _signal(pid, signal.SIGKILL)
    for process in processes:
        process.pid_file.unlink(missing_ok=True)
    return [process.name for process, _ in running]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return  # it ended by itself in between


def tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").strip().splitlines()[-lines:])


def run(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    *,
    fine: tuple[int, ...] = (0,),
) -> None:
    """Run a command to its end; raises DidNotStart with the end of its log when it fails."""
    with log.open("ab") as out:
        done = subprocess.run(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=dict(environment),
            check=False,
        )
    if done.returncode not in fine:
        raise DidNotStart(f"{name} failed with status {done.returncode}; the end of {log}:\n{tail(log)}")
