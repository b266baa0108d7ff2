"""Rebuilding servers of a dead host elsewhere, and what that leaves behind."""

from deploy.simcloud import guards, live, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import RUNNING, SHUTDOWN, Host, Instance, Migration
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import NoValidHost, Refusal
from deploy.simcloud.scheduler import Wish, pick


def ask(cloud: Cloud, instance: Instance, by: Caller, *, host: str | None, stays_stopped: bool) -> Migration:
    """POST evacuate. From 2.95 on an evacuated server stays stopped until somebody starts it."""
    guards.unlocked(instance, by)
    guards.state(instance, "evacuate", vm=("active", "stopped", "error"), task=None)
    if instance.host is None:
        raise Refusal(409, f"Instance {instance.uuid} is not ready")
    if host is not None and host not in cloud.hosts:
        raise Refusal(404, f"Compute host {host} not found.")
    if host == instance.host:
        raise Refusal(400, "The target host can't be the same one.")
    if cloud.hosts[instance.host].up:
        raise Refusal(400, f"Compute service of {instance.host} is still in use.")
    _end_lost(cloud, instance)
    cloud.set_task(instance, "rebuilding")
    records.begin(cloud, instance, "evacuate", by)
    migration = records.expect(cloud, instance, "evacuation", "evacuate", by)
    migration.wanted_host = host
    records.write(cloud, migration)  # unlike the moves, the API itself writes this record
    cloud.after(cloud.settings.schedule_delay, _decided, migration.uuid, stays_stopped)
    return migration


def _end_lost(cloud: Cloud, instance: Instance) -> None:
    """A move that died with the host is over; only the host's own claim remains."""
    for migration in list(cloud.migrations_for(instance.uuid)):
        if migration.running and migration.lost:
            records.turn(cloud, migration, "error")
            cloud.books.release(instance.uuid)
            cloud.books.hand_over(migration.uuid, instance.uuid)
            live.free_slot(cloud, migration)


def _decided(cloud: Cloud, uuid: str, stays_stopped: bool) -> None:
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if instance is None or not migration.running:
        return
    action = records.action_of(cloud, migration)
    try:
        migration.dest = _destination(cloud, migration, instance)
    except NoValidHost as problem:
        records.turn(cloud, migration, "error")
        instance.vm_state, instance.task_state = "error", None
        instance.fault = {"code": 500, "message": str(problem), "created": cloud.now}
        cloud.touch(instance)
        records.event(cloud, action, "conductor_rebuild_instance", error=str(problem))
        return
    # The dead host's claim stays until its service comes back and cleans up: both hosts are booked.
    cloud.books.claim(instance.uuid, migration.dest, instance.resources())
    records.turn(cloud, migration, "pre-migrating")
    records.event(cloud, action, "conductor_rebuild_instance")
    cloud.set_task(instance, "rebuild_block_device_mapping")
    cloud.after(cloud.settings.evacuate_seconds * 0.2, _spawning, uuid, stays_stopped)


def _spawning(cloud: Cloud, uuid: str, stays_stopped: bool) -> None:
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if instance is not None and migration.running:
        cloud.set_task(instance, "rebuild_spawning")
        cloud.after(cloud.settings.evacuate_seconds * 0.8, _spawned, uuid, stays_stopped)


def _destination(cloud: Cloud, migration: Migration, instance: Instance) -> str:
    trouble = cloud.faults.of_migration(
        cloud.ids.move_dice, migration.kind, instance.uuid, migration.source, migration.wanted_host
    )
    if trouble is not None and trouble.effect == "elsewhere" and trouble.to is not None:
        return trouble.to
    if trouble is not None:
        raise NoValidHost
    return pick(
        cloud, Wish(instance, instance.flavor, migration.wanted_host, frozenset({migration.source}))
    ).name


def _spawned(cloud: Cloud, uuid: str, stays_stopped: bool) -> None:
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if instance is None or not migration.running:
        return
    stopped = stays_stopped or migration.old_vm_state == "stopped"
    instance.vm_state, instance.power_state = ("stopped", SHUTDOWN) if stopped else ("active", RUNNING)
    instance.task_state, instance.fault = None, None
    cloud.touch(instance)
    if records.prompt(cloud, migration, "end"):
        _arrived(cloud, uuid)
    else:  # a busy Nova shows the server at rest on its old host for a moment
        cloud.after(cloud.settings.settle_lag, _arrived, uuid)


def _arrived(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if instance is None or not migration.running:
        return
    cloud.relocate(instance, migration.dest)
    records.turn(cloud, migration, "done")
    records.event(cloud, records.action_of(cloud, migration), "compute_rebuild_instance", host=migration.dest)


def unfinished(cloud: Cloud, host: str) -> list[Migration]:
    """Evacuations off this host that its own service has not cleaned up."""
    return [
        m
        for m in cloud.migrations.values()
        if m.source == host and m.kind == "evacuation" and m.status == "done"
    ]


def clean_up(cloud: Cloud, host: Host) -> None:
    """What a restarted compute does first: drop the guests that live elsewhere now."""
    for migration in unfinished(cloud, host.name):
        records.turn(cloud, migration, "completed")
        instance = cloud.instances.get(migration.instance)
        if instance is not None and instance.host != host.name:
            cloud.books.release(migration.instance, host.name)
