"""What may be done to a live migration under way: look at its progress, abort it, force it to an end."""

from deploy.simcloud import guards, live, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Instance, Migration
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import Refusal

VISIBLE = frozenset({"queued", "preparing", "running", "post-migrating"})


def in_progress(cloud: Cloud, instance: Instance) -> list[Migration]:
    """Live migrations of one server that have not ended."""
    return [
        migration
        for migration in cloud.migrations_for(instance.uuid)
        if migration.kind == "live-migration" and migration.running
    ]


def find(cloud: Cloud, instance: Instance, key: str) -> Migration | None:
    """By number, as long as it belongs to the server; its uuid opens nothing here."""
    migration = cloud.migrations.get(cloud.migration_by_id.get(int(key), "") if key.isdigit() else "")
    return migration if migration is not None and migration.instance == instance.uuid else None


def progress(cloud: Cloud, instance: Instance) -> int:
    """Per cent of the live migration under way, 0 when there is none."""
    shares = [
        share_done(cloud, migration) for migration in in_progress(cloud, instance) if not migration.settled
    ]
    return int(100 * max(shares, default=0.0))


def share_done(cloud: Cloud, migration: Migration) -> float:
    """How much of the memory has arrived, from 0 to 1."""
    if migration.begun is None:
        return 0.0
    share = min(1.0, (cloud.now - migration.begun) / max(migration.seconds, 0.001))
    return share if migration.stalled_at is None else min(share, migration.stalled_at)


def abort(cloud: Cloud, instance: Instance, key: str, by: Caller, *, also_queued: bool) -> Migration:
    """DELETE of a server migration; a queued one can be taken back from 2.65 on."""
    guards.state(instance, "abort live migration", task=("migrating",))
    migration = _found(cloud, instance, key, 404)
    allowed = ("running", "queued", "preparing") if also_queued else ("running",)
    if migration.status not in allowed:
        raise _wrong_state(instance, migration, "abort live migration")
    action = records.begin(cloud, instance, "live_migration_cancel", by)
    records.event(cloud, action, "compute_live_migration_abort", host=migration.source)
    if migration.status == "queued":
        live.roll_back(cloud, migration, "cancelled")
    else:
        migration.aborting = True
        cloud.after(cloud.settings.abort_seconds, _aborted, migration.uuid)
    return migration


def _aborted(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    if migration.running:
        live.roll_back(cloud, migration, "cancelled")


def force_complete(cloud: Cloud, instance: Instance, key: str, by: Caller) -> Migration:
    """The guest is paused so that the rest of its memory comes over at once; a stalled link stays stalled."""
    guards.state(instance, "force_complete", vm=("active",), task=("migrating",))
    migration = _found(cloud, instance, key, 400)
    if migration.status != "running":
        raise _wrong_state(instance, migration, "force complete")
    action = records.begin(cloud, instance, "live_migration_force_complete", by)
    records.event(cloud, action, "compute_live_migration_force_complete", host=migration.source)
    if migration.stalled_at is None and migration.trouble != "on_the_way":
        cloud.after(cloud.settings.abort_seconds, live.arrived, migration.uuid)
    return migration


def _found(cloud: Cloud, instance: Instance, key: str, status: int) -> Migration:
    """Nova says the same with 404 to an abort and with 400 to a force-complete."""
    migration = find(cloud, instance, key)
    if migration is None:
        raise Refusal(status, f"Migration {key} not found for instance {instance.uuid}")
    return migration


def _wrong_state(instance: Instance, migration: Migration, method: str) -> Refusal:
    text = f"Migration {migration.id} state of instance {instance.uuid} is {migration.status}. "
    return Refusal(400, text + f"Cannot {method} while the migration is in this state.")
