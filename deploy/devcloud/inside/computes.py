"""Import nova once, then fork one unmodified nova-compute per host.

`computes.py DIRECTORY HOST...`: each host has DIRECTORY/computes/HOST/nova.conf; its process id goes to
DIRECTORY/run/nova-compute-HOST.pid, its output to DIRECTORY/log/nova-compute-HOST.log. This process stays to
collect the ended ones and goes when the last has gone. A fork shares the imported code: 50 MB each, not 120.
"""

import gc
import importlib
import os
import sys
import traceback
from pathlib import Path

from nova.cmd import compute  # first of nova's modules: it decides between threads and eventlet

NAME = "nova.virt.devcloud"  # compute_driver can only name something below nova.virt


def register():
    sys.modules[NAME] = importlib.import_module("driver")


def started(pid):
    """When a process started, in clock ticks since boot: with its id this names it for good."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def become(directory, host):
    """Turn this forked process into the nova-compute of `host`; never returns."""
    os.setsid()
    log = os.open(
        directory / "log" / f"nova-compute-{host}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
    )
    os.dup2(log, 1)
    os.dup2(log, 2)
    pid = os.getpid()
    (directory / "run" / f"nova-compute-{host}.pid").write_text(f"{pid} {started(pid)}\n")
    sys.argv = ["nova-compute"]
    for file in (directory / "etc" / "nova-compute.conf", directory / "computes" / host / "nova.conf"):
        sys.argv += ["--config-file", str(file)]
    compute.main()


def main():
    directory, hosts = Path(sys.argv[1]), sys.argv[2:]
    register()
    gc.freeze()  # the collector must not touch, and so copy, what all share
    for host in hosts:
        if os.fork() == 0:
            try:
                become(directory, host)
            except BaseException:
                traceback.print_exc()  # into the host's own log: nobody above would tell
                raise
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(1)
    for _ in hosts:
        os.wait()


if __name__ == "__main__":
    main()
