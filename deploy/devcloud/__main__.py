"""`make devcloud`: bring the cloud up, or bring up what of it does not run."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from deploy.devcloud import configuration, debian, hosts, identity, rights, schemas, seed, services
from deploy.devcloud.layout import Layout, layout
from deploy.devcloud.processes import DidNotStart, alone

ROOT = Path("var/devcloud")
ENVIRONMENT = Path(".venv-devcloud")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make devcloud", description=__doc__)
    parser.add_argument("--computes", type=int, default=10, help="how many hosts (COMPUTES=N)")
    parser.add_argument("--directory", type=Path, default=ROOT, help="where all of it lies (several may run)")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        with alone(options.directory):
            cloud = layout(options.directory, ENVIRONMENT.absolute())
            up(cloud, hosts.declared(options.computes), began)
    except DidNotStart as failure:
        print(f"devcloud: {failure}", file=sys.stderr)
        return 3
    except OSError as failure:  # such as a directory that we may not write, or a disk that is full
        print(f"devcloud: {failure.filename or options.directory}: {failure.strerror}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print(
            "\ndevcloud: interrupted; what was started runs: `make devcloud-down` stops it", file=sys.stderr
        )
        return 130
    print(f"\nready after {time.monotonic() - began:.0f} s; to use it:")
    print(f"  export OS_CLIENT_CONFIG_FILE={os.path.relpath(cloud.clouds)} OS_CLOUD=devcloud")
    print(f"  knobs {os.path.relpath(cloud.knobs)}   logs {os.path.relpath(cloud.log)}/")
    return 0


def up(cloud: Layout, wanted: tuple[hosts.Host, ...], began: float) -> None:
    def said(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)

    configuration.write(cloud)
    hosts.write_knobs(cloud.knobs, wanted)
    debian.start(cloud)
    said("mariadb, rabbitmq, memcached serve")
    if schemas.bootstrap(cloud):
        said("databases, keys and the first administrator made")
    services.start_api(cloud, "keystone")
    services.await_api(cloud, "keystone")
    identity.write_clouds(cloud)
    administrator = seed.connect(cloud)
    identity.seed(cloud, administrator)
    identity.write_clouds(cloud, rights.seed(cloud, administrator))
    said("keystone serves and knows the services, ballast-reader and ballast-operator")
    for api in services.APIS:
        services.start_api(cloud, api)
    services.start_agents(cloud)
    for host in wanted:
        configuration.write_compute(cloud, host.name)
    for api in services.APIS:
        services.await_api(cloud, api)
        said(f"{api} serves at http://127.0.0.1:{services.port(cloud, api)}")
    started = services.start_computes(cloud, tuple(host.name for host in wanted))
    said(f"{len(started)} nova-computes forked" if started else "all nova-computes run already")
    connection = seed.connect(cloud)  # only now does the catalogue in its token name all services
    seed.await_hosts(cloud, connection, wanted)
    said(f"{len(wanted)} hosts up and in placement")
    seed.seed(connection, wanted)
    said("zones, aggregates, flavors, image, network and server groups are there")


if __name__ == "__main__":
    sys.exit(main())
