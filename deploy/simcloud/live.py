"""Live migration as Nova does it: accepted first, decided later, recorded always."""

from deploy.simcloud import durations, guards, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Instance, Migration
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import NoValidHost, Refusal
from deploy.simcloud.scheduler import Wish, fits, pick


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
    if not synchronous:
        cloud.after(cloud.settings.record_delay, _recorded, migration.uuid)
        return migration
    records.write(cloud, migration)
    problem = _decide(cloud, migration)
    if problem is not None:
        raise Refusal(400, problem, migration=migration.uuid)
    return migration


def _recorded(cloud: Cloud, uuid: str) -> None:
    migration = cloud.expected.get(uuid)
    if migration is None:
        return
    records.write(cloud, migration)
    cloud.after(cloud.settings.schedule_delay, _decided, uuid)


def _decided(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    if migration.running:
        _decide(cloud, migration)


def _decide(cloud: Cloud, migration: Migration) -> str | None:
    """Find the place; the sentence that explains a failure, if there is none."""
    instance = cloud.instances[migration.instance]
    action = records.action_of(cloud, migration)
    held = dict(cloud.books.held(instance.uuid))
    cloud.books.hand_over(instance.uuid, migration.uuid)
    try:
        dest = _destination(cloud, migration, instance)
    except NoValidHost as problem:
        if held:
            cloud.books.hand_over(migration.uuid, instance.uuid)
        records.turn(cloud, migration, "error")
        cloud.set_task(instance, None)
        records.event(cloud, action, "conductor_live_migrate_instance", error=str(problem))
        return str(problem)
    migration.dest = dest
    cloud.books.claim(instance.uuid, dest, instance.resources())
    records.event(cloud, action, "compute_check_can_live_migrate_destination", host=dest)
    records.event(cloud, action, "conductor_live_migrate_instance")
    records.turn(cloud, migration, "queued")
    cloud.live_queue.setdefault(migration.source, []).append(migration.uuid)
    _serve_queue(cloud, migration.source)
    return None


def _destination(cloud: Cloud, migration: Migration, instance: Instance) -> str:
    source = cloud.hosts[migration.source]
    if not source.up:
        raise _Unavailable(source.name)
    trouble = cloud.faults.of_migration(
        cloud.ids.move_dice, migration.kind, instance.uuid, source.name, migration.wanted_host
    )
    if trouble is not None:
        migration.trouble, migration.trouble_at = trouble.effect, trouble.at
        if trouble.effect == "check":
            raise NoValidHost
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


class _Unavailable(NoValidHost):
    def __init__(self, host: str) -> None:
        Exception.__init__(self, f"Compute service of {host} is unavailable at this time.")


class _SameHost(NoValidHost):
    def __init__(self, instance: str, host: str) -> None:
        Exception.__init__(self, f"Unable to migrate instance ({instance}) to current host ({host}).")


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
        problem = f"Pre live migration failed at {migration.dest}"
        records.event(cloud, action, "compute_pre_live_migration", host=migration.dest, error=problem)
        roll_back(cloud, migration, "error", problem)
        return
    records.event(cloud, action, "compute_pre_live_migration", host=migration.dest)
    records.open_event(cloud, action, "compute__do_live_migration", migration.source)
    records.turn(cloud, migration, "running")
    migration.begun = cloud.now
    migration.seconds -= min(cloud.settings.prepare_seconds, migration.seconds / 2)
    if migration.trouble == "stall":
        migration.stalled_at = migration.trouble_at
    elif migration.trouble == "on_the_way":
        cloud.after(migration.seconds * migration.trouble_at, _broken, uuid)
    else:
        cloud.after(migration.seconds, arrived, uuid)


def _broken(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    if migration.status == "running" and not migration.aborting and not _source_lost(cloud, migration):
        roll_back(
            cloud,
            migration,
            "failed",
            "Live Migration failure: operation failed: migration job: unexpectedly failed",
        )


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
        roll_back(
            cloud,
            migration,
            "failed",
            "Live Migration failure: unable to connect to server at the destination",
        )
        return
    cloud.relocate(instance, migration.dest)
    instance.task_state = None
    cloud.after(cloud.settings.completion_lag, _completed, uuid)


def _completed(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    if not migration.running:
        return
    action = records.action_of(cloud, migration)
    records.event(cloud, action, "compute_post_live_migration_at_destination", host=migration.dest)
    records.close_event(cloud, action, "compute__do_live_migration")
    records.close_event(cloud, action, "compute_live_migration")
    records.turn(cloud, migration, "completed")
    cloud.books.release(migration.uuid)
    free_slot(cloud, migration)


def roll_back(cloud: Cloud, migration: Migration, status: str, problem: str | None) -> None:
    """The server stays on the source and works on; the record says why."""
    action = records.action_of(cloud, migration)
    records.event(cloud, action, "compute__rollback_live_migration", host=migration.source)
    records.close_event(cloud, action, "compute__do_live_migration", problem)
    records.close_event(cloud, action, "compute_live_migration")
    records.turn(cloud, migration, status)
    instance = cloud.instances.get(migration.instance)
    if instance is not None:
        cloud.books.release(instance.uuid, migration.dest)
        cloud.books.hand_over(migration.uuid, instance.uuid)
        cloud.set_task(instance, None)
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
