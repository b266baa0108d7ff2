"""Cold migration and resize: through RESIZE to VERIFY_RESIZE."""

from deploy.simcloud import cold_end, durations, guards, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Flavor, Instance, Migration
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import NoValidHost, Refusal
from deploy.simcloud.scheduler import Wish, pick

_KINDS = {"migration": "cold migrate", "resize": "resize"}
_AT_SOURCE = frozenset({"pre-migrating", "migrating"})  # afterwards the source has nothing to do


def ask(
    cloud: Cloud, instance: Instance, by: Caller, *, host: str | None = None, flavor: Flavor | None = None
) -> Migration:
    """POST migrate, or resize when there is a flavor."""
    verb = "migrate" if flavor is None else "resize"
    require_movable(cloud, instance, by, verb)
    if host is not None:
        if host == instance.host:
            raise Refusal(400, "Cannot migrate to the host where the server exists.")
        guards.known_host(cloud, host)
    cloud.set_task(instance, "resize_prep")
    records.begin(cloud, instance, verb, by)
    migration = records.expect(cloud, instance, "migration" if flavor is None else "resize", verb, by, flavor)
    migration.wanted_host = host
    cloud.after(cloud.settings.record_delay, _recorded, migration.uuid)
    return migration


def require_movable(cloud: Cloud, instance: Instance, by: Caller, verb: str) -> None:
    """What Nova asks before it looks at the request itself."""
    guards.unlocked(instance, by)
    guards.state(instance, verb, vm=("active", "stopped"))
    guards.host_up(cloud, instance)


def _recorded(cloud: Cloud, uuid: str) -> None:
    migration = cloud.expected.get(uuid)
    if migration is None:
        return
    migration.status = "pre-migrating"
    records.write(cloud, migration)
    cloud.after(cloud.settings.schedule_delay, _decided, uuid)


def _decided(cloud: Cloud, uuid: str) -> None:
    """The conductor looks for a place; a failure here leaves the server as it was."""
    migration = cloud.migrations[uuid]
    if not migration.running:
        return
    instance = cloud.instances[migration.instance]
    action = records.action_of(cloud, migration)
    cloud.books.hand_over(instance.uuid, migration.uuid)
    try:
        migration.dest = _destination(cloud, migration, instance)
    except NoValidHost:
        # The scheduler's own words are lost on the way to whoever asked.
        problem = NoValidHost(f"No valid host found for {_KINDS[migration.kind]}")
        records.event(cloud, action, "cold_migrate", error=str(problem))
        records.event(cloud, action, "conductor_migrate_server", error=str(problem))
        _give_up(cloud, migration, instance)
        return
    claim = (migration.new_flavor or instance.flavor).resources(from_volume=instance.from_volume)
    cloud.books.claim(instance.uuid, migration.dest, claim)
    records.event(cloud, action, "cold_migrate")
    records.event(cloud, action, "conductor_migrate_server")
    migration.seconds = durations.cold(cloud, migration)
    cloud.after(migration.seconds * 0.05, _prepped, uuid)


def _destination(cloud: Cloud, migration: Migration, instance: Instance) -> str:
    trouble = cloud.faults.of_migration(
        cloud.ids.move_dice, migration.kind, instance.uuid, migration.source, migration.wanted_host
    )
    if trouble is not None:
        migration.trouble, migration.trouble_at = trouble.effect, trouble.at
        if trouble.effect == "check":
            raise NoValidHost
        if trouble.effect == "elsewhere" and trouble.to is not None:
            return trouble.to
    flavor = migration.new_flavor or instance.flavor
    may_stay = migration.kind == "resize" and cloud.settings.allow_resize_to_same_host
    ignore = frozenset[str]() if may_stay else frozenset({migration.source})
    return pick(cloud, Wish(instance, flavor, migration.wanted_host, ignore)).name


def _give_up(cloud: Cloud, migration: Migration, instance: Instance, fault: str | None = None) -> None:
    """The record says so first; a moment later the server is what it was or, with a fault, in ERROR."""
    records.turn(cloud, migration, "error")
    cloud.books.release(instance.uuid, migration.dest if migration.dest else None)
    cloud.books.hand_over(migration.uuid, instance.uuid)
    cloud.after(cloud.settings.settle_lag, _given_up, instance.uuid, fault)


def _given_up(cloud: Cloud, uuid: str, fault: str | None) -> None:
    instance = cloud.instances.get(uuid)
    if instance is None:
        return
    if fault is not None:
        instance.vm_state = "error"
        instance.fault = {"code": 500, "message": fault, "created": cloud.now}
    cloud.set_task(instance, None)


def abandon(cloud: Cloud, migration: Migration, instance: Instance) -> None:
    """The source host died on the way and is back: the server is in ERROR, as after any broken move."""
    _give_up(cloud, migration, instance, "Migration error: source compute was restarted")


def _prepped(cloud: Cloud, uuid: str) -> None:
    """prep_resize on the destination."""
    found = _under_way(cloud, uuid)
    if found is None:
        return
    migration, instance = found
    action = records.action_of(cloud, migration)
    if migration.trouble == "pre" or not cloud.hosts[migration.dest or ""].alive:
        records.event(
            cloud,
            action,
            "compute_prep_resize",
            host=migration.dest,
            error="Exceeded maximum number of retries.",
        )
        _give_up(cloud, migration, instance)
        return
    records.event(cloud, action, "compute_prep_resize", host=migration.dest)
    records.turn(cloud, migration, "migrating")
    cloud.set_task(instance, "resize_migrating")
    if _shrinks(migration, instance):
        cloud.after(migration.seconds * 0.75, _too_small, uuid)
    elif migration.trouble == "on_the_way":
        cloud.after(migration.seconds * 0.75 * migration.trouble_at, _broken, uuid)
    elif migration.trouble != "stall":
        cloud.after(migration.seconds * 0.75, _moved, uuid)


def _shrinks(migration: Migration, instance: Instance) -> bool:
    """What Nova's API lets pass once a server has grown, and its driver refuses on the way."""
    new, old = migration.new_flavor, instance.flavor
    if new is None:
        return False
    return new.ephemeral_gb < old.ephemeral_gb or (new.disk_gb < old.disk_gb and not instance.from_volume)


def _too_small(cloud: Cloud, uuid: str) -> None:
    found = _under_way(cloud, uuid)
    if found is not None:
        migration, instance = found
        action = records.action_of(cloud, migration)
        text = "Resize error: Unable to resize disk down."
        records.event(cloud, action, "compute_resize_instance", host=migration.source, error=text)
        _give_up(cloud, migration, instance)


def _broken(cloud: Cloud, uuid: str) -> None:
    """A cold migration that breaks leaves the server in ERROR on the source."""
    found = _under_way(cloud, uuid)
    if found is None:
        return
    migration, instance = found
    text = "Migration error: Resize error: disk transfer failed"
    records.event(
        cloud,
        records.action_of(cloud, migration),
        "compute_resize_instance",
        host=migration.source,
        error=text,
    )
    _give_up(cloud, migration, instance, text)


def _moved(cloud: Cloud, uuid: str) -> None:
    """The disk is over; for a moment the server still belongs to the source."""
    found = _under_way(cloud, uuid)
    if found is None:
        return
    migration, _instance = found
    records.event(
        cloud, records.action_of(cloud, migration), "compute_resize_instance", host=migration.source
    )
    records.turn(cloud, migration, "post-migrating")
    cloud.after(migration.seconds * 0.05, _handed_over, uuid)


def _handed_over(cloud: Cloud, uuid: str) -> None:
    """The server's host is the new one already, long before VERIFY_RESIZE."""
    found = _under_way(cloud, uuid)
    if found is not None:
        migration, instance = found
        cloud.relocate(instance, migration.dest)
        cloud.set_task(instance, "resize_migrated")
        cloud.after(migration.seconds * 0.05, _finishing, uuid)


def _finishing(cloud: Cloud, uuid: str) -> None:
    found = _under_way(cloud, uuid)
    if found is not None:
        cloud.set_task(found[1], "resize_finish")
        cloud.after(found[0].seconds * 0.05, _finished, uuid)


def _finished(cloud: Cloud, uuid: str) -> None:
    """The record is finished before the server rests."""
    found = _under_way(cloud, uuid)
    if found is not None:
        records.turn(cloud, found[0], "finished")
        cloud.after(found[0].seconds * 0.05, _rests, uuid)


def _rests(cloud: Cloud, uuid: str) -> None:
    found = _under_way(cloud, uuid)
    if found is None:
        return
    migration, instance = found
    if migration.new_flavor is not None and migration.new_flavor != instance.flavor:
        cloud.reshape(instance, migration.new_flavor)
    records.event(cloud, records.action_of(cloud, migration), "compute_finish_resize", host=migration.dest)
    instance.vm_state = "resized"
    cloud.set_task(instance, None)
    if cloud.settings.resize_confirm_window > 0:
        cloud.after(cloud.settings.resize_confirm_window, cold_end.confirm_late, uuid)


def _under_way(cloud: Cloud, uuid: str) -> tuple[Migration, Instance] | None:
    """The move and its server, unless it has ended or its source host has died."""
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if not migration.running or instance is None:
        return None
    if migration.status in _AT_SOURCE:
        migration.lost = migration.lost or not cloud.hosts[migration.source].alive
    return None if migration.lost else (migration, instance)
