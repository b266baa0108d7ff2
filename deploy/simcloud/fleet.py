"""What happens to hosts: disabled, forced down, killed, restarted, moved behind everybody's back."""

from deploy.simcloud import cold, evacuation, live, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Host, Migration
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.scheduler import DISABLED_TRAIT

# In these states the source compute works on a move, which its death leaves hanging.
_NEED_SOURCE = frozenset({"preparing", "running", "pre-migrating", "migrating"})


def set_status(cloud: Cloud, host: Host, *, enabled: bool, reason: str | None) -> None:
    """Enable or disable a service; Placement carries the trait at once."""
    host.enabled = enabled
    host.disabled_reason = None if enabled else reason
    (host.traits.discard if enabled else host.traits.add)(DISABLED_TRAIT)
    host.generation += 1
    host.updated = cloud.now


def force_down(cloud: Cloud, host: Host, *, forced: bool) -> None:
    """Declare a host dead, or not; evacuations it has not cleaned up forbid the latter."""
    if not forced and host.forced_down and evacuation.unfinished(cloud, host.name):
        raise Refusal(
            400,
            f"Unable to force up host {host.name} as `done` evacuation migration records remain associated "
            "with the host. Ensure the compute service has been restarted, allowing these records to move to "
            "`completed` before retrying this request.",
        )
    host.forced_down = forced
    host.updated = cloud.now


def kill(cloud: Cloud, host: Host) -> None:
    """The compute process dies at once; Nova notices later."""
    host.alive = False
    for uuid in cloud.moving:
        migration = cloud.migrations[uuid]
        if migration.source == host.name and migration.status in _NEED_SOURCE:
            migration.lost = True
    cloud.after(cloud.settings.service_down_time, _noticed, host.name)


def _noticed(cloud: Cloud, name: str) -> None:
    if not cloud.hosts[name].alive:
        cloud.hosts[name].reported_down = True


def restart(cloud: Cloud, host: Host) -> None:
    """The compute process comes back after a moment and cleans up."""
    cloud.after(cloud.settings.restart_seconds, _back, host.name)


def _back(cloud: Cloud, name: str) -> None:
    host = cloud.hosts[name]
    host.alive, host.reported_down, host.updated = True, False, cloud.now
    evacuation.clean_up(cloud, host)
    for uuid in list(cloud.moving):
        migration = cloud.migrations[uuid]
        if migration.lost and migration.source == name and migration.running:
            _abandon(cloud, migration)


def _abandon(cloud: Cloud, migration: Migration) -> None:
    """A move whose source died on the way cannot be taken up again."""
    instance = cloud.instances.get(migration.instance)
    if instance is not None and instance.host != migration.source:
        records.turn(cloud, migration, "error")
        cloud.books.release(migration.uuid)
        live.free_slot(cloud, migration)
    elif migration.kind == "live-migration":
        live.roll_back(cloud, migration, "error", "Source compute service was restarted")
    elif instance is not None:
        cold.abandon(cloud, migration, instance)


def move_silently(cloud: Cloud, uuid: str, dest: str) -> None:
    """Put a server elsewhere in an instant, with correct books, as if somebody else had moved it."""
    instance = cloud.instance(uuid)
    if dest not in cloud.hosts:
        raise Refusal(404, f"no host named {dest}")
    for migration in list(cloud.migrations_for(uuid)):
        if migration.running:
            raise Refusal(409, f"server {uuid} is in migration {migration.uuid}")
    cloud.books.release(uuid)
    cloud.relocate(instance, dest)
    cloud.books.claim(uuid, dest, instance.resources())


def set_cell(cloud: Cloud, cell: str, *, down: bool) -> None:
    """Take a cell's database away, or give it back."""
    if cell not in {host.cell for host in cloud.hosts.values()}:
        raise Refusal(404, f"no cell named {cell}")
    (cloud.down_cells.add if down else cloud.down_cells.discard)(cell)
