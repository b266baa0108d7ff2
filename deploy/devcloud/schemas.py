"""Databases, keys and the first administrator; done once for each version of the packages."""

from __future__ import annotations

import getpass
import grp
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.devcloud.layout import REGION, Layout
from deploy.devcloud.processes import run

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# Nova's cells are told to take user, password, host and port from the configuration: ports may change.
ADDRESS = "{scheme}://{username}:{password}@{hostname}:{port}"


def bootstrap(cloud: Layout) -> bool:
    """Bring databases and keys to this version; False when they were already."""
    version = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    mark = cloud.data("schemas") / "version"
    if mark.exists() and mark.read_text() == version:
        return False
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for done in [pool.submit(chain, cloud) for chain in (_nova, _keystone, _others)]:
            done.result()
    mark.write_text(version)
    return True


def _manage(cloud: Layout, script: str, *words: str, fine: tuple[int, ...] = (0,)) -> None:
    log = cloud.log / f"{script}.log"
    run(" ".join((script, *words[2:4])), [cloud.command(script), *words], cloud.environment, log, fine=fine)


def _keystone(cloud: Layout) -> None:
    configuration = ("--config-file", str(cloud.etc / "keystone.conf"))
    user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
    owner = ("--keystone-user", user, "--keystone-group", group)
    url = cloud.url("keystone") + "/v3"
    _manage(cloud, "keystone-manage", *configuration, "db_sync")
    _manage(cloud, "keystone-manage", *configuration, "fernet_setup", *owner)
    _manage(cloud, "keystone-manage", *configuration, "credential_setup", *owner)
    _manage(
        *(cloud, "keystone-manage", *configuration, "bootstrap", "--bootstrap-password", cloud.secret),
        *("--bootstrap-region-id", REGION, "--bootstrap-public-url", url),
        *("--bootstrap-internal-url", url, "--bootstrap-admin-url", url),
    )


def _others(cloud: Layout) -> None:
    _manage(cloud, "placement-manage", "--config-file", str(cloud.etc / "placement.conf"), "db", "sync")
    _manage(cloud, "glance-manage", "--config-file", str(cloud.etc / "glance-api.conf"), "db_sync")
    _manage(cloud, "neutron-db-manage", "--config-file", str(cloud.etc / "neutron.conf"), "upgrade", "heads")


def _nova(cloud: Layout) -> None:
    configuration = ("--config-file", str(cloud.etc / "nova.conf"))
    _manage(cloud, "nova-manage", *configuration, "api_db", "sync")
    cell0 = ADDRESS + "/nova_cell0?{query}"
    _manage(cloud, "nova-manage", *configuration, "cell_v2", "map_cell0", "--database_connection", cell0)
    _manage(cloud, "nova-manage", *configuration, "db", "sync")
    _manage(
        *(cloud, "nova-manage", *configuration, "cell_v2", "create_cell", "--name", "cell1"),
        *("--database_connection", ADDRESS + "/nova?{query}", "--transport-url", ADDRESS + "/"),
        fine=(0, 2),  # 2: there is one already
    )
