"""The database, the message bus and the cache: Debian's programs run as plain processes on loopback."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from deploy.devcloud.layout import NAME, Layout
from deploy.devcloud.processes import DidNotStart, run

DATABASES = ("keystone", "placement", "glance", "neutron", "nova_api", "nova", "nova_cell0")
# The wrapper in /usr/sbin changes to the user rabbitmq; the script below it runs as whoever calls it.
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PROGRAMS = {
    "mariadb-server": ("mariadbd", "mariadb-install-db"),
    "memcached": ("memcached",),
    "rabbitmq-server": ("erl", "epmd"),
}
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def program(name: str) -> str:
    found = shutil.which(name, path=SEARCH)
    if found is None:
        raise DidNotStart(f"{name} is not installed")
    return found


def missing_packages() -> list[str]:
    """The Debian packages that are not there."""
    found = {
        package
        for package, programs in PROGRAMS.items()
        if not all(shutil.which(name, path=SEARCH) for name in programs)
    }
    if not RABBITMQ.exists():
        found.add("rabbitmq-server")
    return sorted(found)


def has_apt() -> bool:
    return shutil.which("apt-get", path=SEARCH) is not None


def install(packages: Sequence[str]) -> str:
    """Install them, as root; answers nothing, or the last line of apt's complaint."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (("update", "-qq"), ("install", "-qq", "-y", "--no-install-recommends", *packages)):
        command = [program("apt-get"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
        if done.returncode:
            told = (done.stderr or done.stdout).strip().splitlines()
            return told[-1] if told else f"apt-get {words[0]} ended with {done.returncode}"
    return ""


def start(cloud: Layout) -> None:
    """Start the three that do not run; each is given its own data folder and only loopback ports."""
    missing = missing_packages()
    if missing:
        how = "" if os.geteuid() == 0 else "sudo "
        raise DidNotStart(
            f"missing Debian packages: {' '.join(missing)}. Install them (they need root once): "
            f"{how}apt-get install -y --no-install-recommends {' '.join(missing)}; "
            "the services that Debian starts by itself are not used and may be stopped"
        )
    _start(cloud, "memcached", _memcached)
    _start(cloud, "epmd", _epmd)
    _start(cloud, "rabbitmq", _rabbitmq)
    _start(cloud, "mariadb", _mariadb)
    for name, patience in (("memcached", 10), ("mariadb", 60), ("rabbitmq", 90)):
        ready = partial(_greets, cloud.ports[name]) if name == "rabbitmq" else _listens
        cloud.process(name).wait(cloud.ports[name], ready, patience)


def _listens() -> bool:
    return True  # which is all that is asked of it


def _greets(port: int) -> bool:
    """A broker accepts connections before it serves them: it must answer an AMQP greeting."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as wire:
            wire.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(wire.recv(1))
    except OSError:
        return False


def _start(cloud: Layout, name: str, command: Callable[[Layout], tuple[list[str], dict[str, str]]]) -> None:
    process = cloud.process(name)
    if process.pid is None:
        words, more = command(cloud)
        process.start(words, {**cloud.environment, **more}, cloud.root)


def _memcached(cloud: Layout) -> tuple[list[str], dict[str, str]]:
    port = str(cloud.ports["memcached"])
    return [program("memcached"), "-l", "127.0.0.1", "-p", port, "-m", "64", "-u", getpass.getuser()], {}


def _epmd(cloud: Layout) -> tuple[list[str], dict[str, str]]:
    # Started here, not by Erlang: that one would run on as a daemon that nobody has recorded.
    return [program("epmd"), "-address", "127.0.0.1", "-port", str(cloud.ports["epmd"])], {}


def _rabbitmq(cloud: Layout) -> tuple[list[str], dict[str, str]]:
    data, file = cloud.data("rabbitmq"), cloud.etc / "rabbitmq.conf"
    file.write_text(
        f"listeners.tcp.1 = 127.0.0.1:{cloud.ports['rabbitmq']}\n"
        f"default_user = {NAME}\ndefault_pass = {cloud.secret}\n"
        "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\n"
    )
    (cloud.etc / "rabbitmq-plugins").write_text("[].\n")
    (cloud.etc / "rabbitmq-env.conf").write_text("")
    return [str(RABBITMQ)], {
        "RABBITMQ_NODENAME": f"{NAME}@localhost",
        "RABBITMQ_CONF_ENV_FILE": str(cloud.etc / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(file),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(cloud.etc / "rabbitmq-plugins"),
        "RABBITMQ_MNESIA_BASE": str(data),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_DIST_PORT": str(cloud.ports["rabbitmq-peers"]),
        "ERL_EPMD_PORT": str(cloud.ports["epmd"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "+S 1:1 +sbwt none -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
        ),
    }


def _mariadb(cloud: Layout) -> tuple[list[str], dict[str, str]]:
    data, user = cloud.root / "data" / "mariadb", getpass.getuser()
    if not (data / "mysql").exists():
        _make_database(cloud, data, user)
    start = cloud.etc / "mariadb.sql"
    start.touch(mode=0o600)
    start.write_text(
        f"CREATE USER IF NOT EXISTS '{NAME}'@'127.0.0.1' IDENTIFIED BY '{cloud.secret}';\n"
        + f"GRANT ALL ON *.* TO '{NAME}'@'127.0.0.1';\n"
        + "".join(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4;\n" for name in DATABASES)
    )
    return [
        *(program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--user={user}"),
        *("--socket=mariadb.sock", "--bind-address=127.0.0.1", f"--port={cloud.ports['mariadb']}"),
        *(f"--init-file={start}", "--skip-name-resolve", "--max-connections=1000"),
        # It is test equipment: a crash of the machine may cost the last second.
        *("--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--innodb-buffer-pool-size=192M"),
    ], {}


def _make_database(cloud: Layout, data: Path, user: str) -> None:
    """An empty database folder, put in its place only when it is whole."""
    draft = data.with_name("mariadb.new")
    for unfinished in (draft, data):
        shutil.rmtree(unfinished, ignore_errors=True)
    run(
        "mariadb-install-db",
        [
            *(program("mariadb-install-db"), "--no-defaults", f"--datadir={draft}", f"--user={user}"),
            *("--skip-test-db", f"--auth-root-socket-user={user}"),
        ],
        cloud.environment,
        cloud.log / "mariadb.log",
    )
    draft.replace(data)
