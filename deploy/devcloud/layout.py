"""Where everything of the devcloud lies, below one directory, and the ports and secret that are its own."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.devcloud import ports
from deploy.devcloud.processes import DidNotStart, Process
from deploy.loopback import is_free

NAME = "devcloud"  # of the cloud in clouds.yaml, of its region's users, of its database user
REGION = "RegionOne"
COMPUTE = "nova-compute"  # before the host's name, that of each host's own process
INSIDE = Path(__file__).with_name("inside")  # what runs in the OpenStack environment, not in ours


@dataclass(frozen=True)
class Layout:
    """The devcloud below `root`; `python` is the interpreter of the OpenStack environment."""

    root: Path
    python: Path
    ports: dict[str, int]
    secret: str

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def knobs(self) -> Path:
        return self.root / "knobs.json"

    @property
    def clouds(self) -> Path:
        return self.root / "clouds.yaml"

    @property
    def templates(self) -> Path:
        """Where the packages put their paste files."""
        return self.python.parents[1] / "etc"

    def data(self, name: str) -> Path:
        path = self.root / "data" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def process(self, name: str) -> Process:
        return Process(name, self.run / f"{name}.pid", self.log / f"{name}.log")

    def compute(self, host: str) -> Process:
        return self.process(f"{COMPUTE}-{host}")

    def recorded(self) -> list[Process]:
        """Every process that was started and not stopped since."""
        return [self.process(file.stem) for file in sorted(self.run.glob("*.pid"))]

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def command(self, script: str) -> str:
        """A console script of the OpenStack environment."""
        return str(self.python.with_name(script))

    @property
    def environment(self) -> dict[str, str]:
        """What every OpenStack process gets: its configuration, no eventlet, one thread in each BLAS."""
        return {
            **{name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ},
            "HOME": str(self.data("home")),
            "PYTHONPATH": os.pathsep.join([str(self.etc / "plugins"), str(INSIDE)]),
            "PYTHONWARNINGS": "ignore",
            "OPENBLAS_NUM_THREADS": "1",
            "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true",
            "OS_NOVA_CONFIG_DIR": str(self.etc),
            "OS_NOVA_CONFIG_FILES": "nova-api-paste.ini;nova.conf",
            "OS_KEYSTONE_CONFIG_DIR": str(self.etc),
            "OS_PLACEMENT_CONFIG_DIR": str(self.etc),
            "OS_GLANCE_CONFIG_DIR": str(self.etc),
            "OS_NEUTRON_CONFIG_DIR": str(self.etc),
            "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
            "DEVCLOUD_KNOBS": str(self.knobs),
        }


def layout(root: Path, environment: Path) -> Layout:
    """Open or found the devcloud below `root`. Ports stay as they are unless a stranger has taken one."""
    if not (environment / "bin" / "nova-compute").exists():
        raise DidNotStart(
            f"{environment.name} holds no OpenStack services; `make devcloud` installs them there"
        )
    root = root.resolve()
    for name in ("etc", "run", "log", "data", "computes"):
        (root / name).mkdir(parents=True, exist_ok=True)
    own = _own(root / "own.json")
    runs = {process.name for process in Layout(root, environment, {}, "").recorded() if process.pid}
    for name in ports.SERVICES:
        if _owner(name) not in runs:
            own["ports"][name] = _port(root, name, own["ports"].get(name), runs)
    write_whole(root / "own.json", json.dumps(own, indent=2) + "\n")
    return Layout(root, environment / "bin" / "python", own["ports"], own["secret"])


def _port(root: Path, name: str, known: int | None, runs: set[str]) -> int:
    """The port that a service had, or another one if that is taken and nobody goes by it yet."""
    if known is not None and is_free(known):
        return known
    if known is not None and runs:
        raise DidNotStart(
            f"{name} does not run, a stranger listens on its port {known}, and what runs of the devcloud "
            "looks for it there; `make devcloud-down` first, and the next start chooses another port"
        )
    chosen = ports.choose(root, name)
    if chosen is None:
        raise DidNotStart(f"no port is free on loopback for {name}; stop what listens there")
    return chosen


def _own(file: Path) -> dict[str, Any]:
    """The ports and the secret of this devcloud, of which the databases below `data` know the latter."""
    if not file.exists():
        return {"ports": {}, "secret": secrets.token_hex(16)}
    try:
        own: dict[str, Any] = json.loads(file.read_text())
        return {"ports": dict(own["ports"]), "secret": str(own["secret"])}
    except (ValueError, KeyError, TypeError) as problem:
        raise DidNotStart(
            f"{file} cannot be read ({type(problem).__name__}: {problem}), and the databases beside it are "
            f"of no use without it; stop this devcloud and remove {file.parent} to start from nothing"
        ) from problem


def _owner(port: str) -> str:
    """The process that listens on a port of this name."""
    return {"rabbitmq-peers": "rabbitmq", "nova": "nova-api"}.get(port, port)


def write_whole(file: Path, text: str) -> None:
    """Write a file that only we may read so that it is never seen half-written, whoever dies."""
    draft = file.with_name(file.name + ".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)
