"""Where a live migration goes: as the scheduler finds, as somebody forces, as a planted trouble will."""

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Instance, Migration
from deploy.simcloud.refusal import NoValidHost
from deploy.simcloud.scheduler import Wish, fits, pick


def find(cloud: Cloud, migration: Migration, instance: Instance) -> str:
    """The host that takes the server; whatever says no raises."""
    source = cloud.hosts[migration.source]
    if not source.up:
        raise _Unavailable(source.name)
    trouble = cloud.faults.of_migration(
        cloud.ids.move_dice, migration.kind, instance.uuid, source.name, migration.wanted_host
    )
    if trouble is not None:
        migration.trouble, migration.trouble_at = trouble.effect, trouble.at
        if trouble.effect == "check":
            raise CheckFailed
        if trouble.effect == "elsewhere" and trouble.to is not None:
            return trouble.to
    if migration.forced_host:
        return _forced(cloud, migration, instance)
    wish = Wish(instance, instance.flavor, migration.wanted_host, frozenset({source.name}))
    return pick(cloud, wish).name


def _forced(cloud: Cloud, migration: Migration, instance: Instance) -> str:
    """A forced destination meets no filter, only the plainest checks."""
    host = cloud.hosts[migration.wanted_host or ""]
    if host.name == migration.source:
        raise _SameHost(instance.uuid, host.name)
    if not host.up:
        raise _Unavailable(host.name)
    if not fits(cloud, host, instance.resources()):
        raise NoValidHost(
            f"Unable to move instance {instance.uuid} to host {host.name}. There is not enough capacity."
        )
    return host.name


class CheckFailed(NoValidHost):
    """The scheduler had hosts; each refused when asked itself."""


class _Unavailable(NoValidHost):
    def __init__(self, host: str) -> None:
        Exception.__init__(self, f"Compute service of {host} is unavailable at this time.")


class _SameHost(NoValidHost):
    def __init__(self, instance: str, host: str) -> None:
        Exception.__init__(self, f"Unable to migrate instance ({instance}) to current host ({host}).")
