"""Live migration as Nova does it: accepted first, decided later, recorded always."""

from deploy.simcloud import durations, guards, live_destination, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Instance, Migration
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import NoValidHost, Refusal

CHECK = "compute_check_can_live_migrate_destination"


def ask(
    cloud: Cloud, instance: Instance, by: Caller, *, host: str | None, bypass: bool, synchronous: bool
) -> Migration:
    """POST os-migrateLive. `bypass`: a forced host skips the scheduler; `synchronous`: as before 2.34."""
    guards.unlocked(instance, by)
    guards.state(instance, "os-migrateLive", vm=("active", "paused"))
    if host is not None:
        guards.known_host(cloud, host)
    cloud.set_task(instance, "migrating")
    records.begin(cloud, instance, "live-migration", by)
    migration = records.expect(cloud, instance, "live-migration", "live-migration", by)
    migration.wanted_host, migration.forced_host = host, bypass and host is not None
    if synchronous:
        records.write(cloud, migration)
        problem = _decide(cloud, migration, "conductor_migrate_server")
        if problem is not None:
            _ended(cloud, migration.uuid, "error")
            raise Refusal(400, problem, migration=migration.uuid)
    elif records.prompt(cloud, migration, "record"):
        _recorded(cloud, migration.uuid)
    else:
        cloud.after(cloud.settings.record_delay, _recorded, migration.uuid)
    return migration


def _recorded(cloud: Cloud, uuid: str) -> None:
    migration = cloud.expected.get(uuid)
    if migration is None:
        return
    records.write(cloud, migration)
    cloud.after(cloud.settings.schedule_delay, _decided, uuid)


def _decided(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    if migration.running and _decide(cloud, migration, "conductor_live_migrate_instance") is not None:
        _end(cloud, migration, "error")


def _decide(cloud: Cloud, migration: Migration, conductor: str) -> str | None:
    """Find the place, or answer the sentence that tells why there is none; the record is still open then."""
    instance = cloud.instances[migration.instance]
    action = records.action_of(cloud, migration)
    held = dict(cloud.books.held(instance.uuid))
    cloud.books.hand_over(instance.uuid, migration.uuid)
    try:
        dest = live_destination.find(cloud, migration, instance)
    except NoValidHost as problem:
        if held:
            cloud.books.hand_over(migration.uuid, instance.uuid)
        cloud.set_task(instance, None)
        migration.settled = True
        if isinstance(problem, live_destination.CheckFailed):
            refused = "Migration pre-check error: the destination refuses"
            records.event(cloud, action, CHECK, host=migration.wanted_host, error=refused)
        records.event(cloud, action, conductor, error=str(problem))
        return str(problem)
    migration.dest = dest
    cloud.books.claim(instance.uuid, dest, instance.resources())
    records.event(cloud, action, "compute_check_can_live_migrate_source", host=migration.source)
    records.event(cloud, action, CHECK, host=dest)
    records.event(cloud, action, conductor)
    records.turn(cloud, migration, "queued")
    cloud.live_queue.setdefault(migration.source, []).append(migration.uuid)
    _serve_queue(cloud, migration.source)
    return None


def _serve_queue(cloud: Cloud, source: str) -> None:
    """Start waiting migrations while the source host has a slot free."""
    queue, busy = cloud.live_queue.get(source, []), cloud.live_busy.setdefault(source, [])
    while queue and len(busy) < cloud.settings.max_concurrent_live_migrations:
        migration = cloud.migrations[queue.pop(0)]
        busy.append(migration.uuid)
        records.turn(cloud, migration, "preparing")
        records.open_event(cloud, records.action_of(cloud, migration), "compute_live_migration", source)
        migration.seconds = durations.live(cloud, migration)
        cloud.after(min(cloud.settings.prepare_seconds, migration.seconds / 2), _prepared, migration.uuid)


def _prepared(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    if migration.status != "preparing" or _source_lost(cloud, migration):
        return
    action = records.action_of(cloud, migration)
    if migration.trouble == "pre" or not _dest_alive(cloud, migration):
        problem = f"Migration error: preparing failed at {migration.dest}"
        records.event(cloud, action, "compute_pre_live_migration", host=migration.dest, error=problem)
        records.turn(cloud, migration, "error")
        cloud.after(cloud.settings.settle_lag, _not_prepared, uuid)
        return
    records.event(cloud, action, "compute_pre_live_migration", host=migration.dest)
    records.turn(cloud, migration, "running")
    migration.begun = cloud.now
    migration.seconds -= min(cloud.settings.prepare_seconds, migration.seconds / 2)
    if migration.trouble == "stall":
        migration.stalled_at = migration.trouble_at
    elif migration.trouble == "on_the_way":
        cloud.after(migration.seconds * migration.trouble_at, _broken, uuid)
    else:
        cloud.after(migration.seconds, arrived, uuid)


def _not_prepared(cloud: Cloud, uuid: str) -> None:
    """The record says error before the server is free, and failed after it."""
    roll_back(cloud, cloud.migrations[uuid], "failed")


def _broken(cloud: Cloud, uuid: str) -> None:
    """Nothing but the record tells that the transfer broke: every event is a success."""
    migration = cloud.migrations[uuid]
    if migration.status == "running" and not migration.aborting and not _source_lost(cloud, migration):
        roll_back(cloud, migration, "failed")


def arrived(cloud: Cloud, uuid: str) -> None:
    """The memory is over: the server runs on the destination although the record still says 'running'."""
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if (
        migration.status != "running"
        or migration.aborting
        or instance is None
        or instance.host == migration.dest
    ):
        return
    if _source_lost(cloud, migration):
        return
    if not _dest_alive(cloud, migration):
        roll_back(cloud, migration, "failed")
        return
    cloud.relocate(instance, migration.dest)
    instance.task_state = None
    action = records.action_of(cloud, migration)
    records.event(cloud, action, "compute_post_live_migration_at_destination", host=migration.dest)
    records.close_event(cloud, action, "compute_live_migration")
    _end(cloud, migration, "completed")


def roll_back(cloud: Cloud, migration: Migration, status: str, problem: str | None = None) -> None:
    """The server stays on the source and works on; a moment later the record says so."""
    if migration.settled:
        return
    records.close_event(cloud, records.action_of(cloud, migration), "compute_live_migration", problem)
    instance = cloud.instances.get(migration.instance)
    if instance is not None:
        cloud.books.release(instance.uuid, migration.dest)
        cloud.books.hand_over(migration.uuid, instance.uuid)
        cloud.set_task(instance, None)
    else:
        cloud.books.release(migration.uuid)
    _end(cloud, migration, status)


def _end(cloud: Cloud, migration: Migration, status: str) -> None:
    """The server is settled; its record follows, now and then so fast that nobody sees the two apart."""
    migration.settled = True
    if records.prompt(cloud, migration, "end"):
        _ended(cloud, migration.uuid, status)
    else:
        cloud.after(cloud.settings.completion_lag, _ended, migration.uuid, status)


def _ended(cloud: Cloud, uuid: str, status: str) -> None:
    migration = cloud.migrations[uuid]
    if migration.running or status == "failed":  # which may follow an error, as after a failed preparation
        records.turn(cloud, migration, status)
    cloud.books.release(migration.uuid)
    free_slot(cloud, migration)


def free_slot(cloud: Cloud, migration: Migration) -> None:
    """Whatever waits on the same source may start."""
    for place in (cloud.live_queue.get(migration.source, []), cloud.live_busy.get(migration.source, [])):
        if migration.uuid in place:
            place.remove(migration.uuid)
    _serve_queue(cloud, migration.source)


def _source_lost(cloud: Cloud, migration: Migration) -> bool:
    """A dead source neither sends nor reports: the migration hangs until the host is back."""
    migration.lost = migration.lost or not cloud.hosts[migration.source].alive
    return migration.lost


def _dest_alive(cloud: Cloud, migration: Migration) -> bool:
    return cloud.hosts[migration.dest or ""].alive
