"""The end of a cold migration or resize: confirm drops the old place, revert goes back to it."""

from deploy.simcloud import guards, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import RUNNING, Instance, Migration
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import Refusal


def confirm_late(cloud: Cloud, uuid: str) -> None:
    """What resize_confirm_window does by itself."""
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if migration.status == "finished" and instance is not None and instance.task_state is None:
        records.turn(cloud, migration, "confirming")
        cloud.after(cloud.settings.confirm_seconds, _confirmed, uuid)


def confirm(cloud: Cloud, instance: Instance, by: Caller) -> Migration:
    """POST confirmResize."""
    guards.unlocked(instance, by)
    guards.state(instance, "confirmResize", vm=("resized",))
    migration = _finished_migration(cloud, instance)
    records.turn(cloud, migration, "confirming")
    records.begin(cloud, instance, "confirmResize", by)
    cloud.after(cloud.settings.confirm_seconds, _confirmed, migration.uuid)
    return migration


def _confirmed(cloud: Cloud, uuid: str) -> None:
    """First the record, then the server, and last of all the old place is given back."""
    migration = cloud.migrations[uuid]
    if migration.status == "confirming" and migration.instance in cloud.instances:
        records.turn(cloud, migration, "confirmed")
        cloud.after(cloud.settings.settle_lag, _settled, uuid)


def _settled(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if instance is not None:
        instance.vm_state = "active" if instance.power_state == RUNNING else "stopped"
        cloud.set_task(instance, None)
    cloud.after(cloud.settings.settle_lag, _released, uuid)


def _released(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    cloud.books.release(migration.uuid)
    _note_end(cloud, migration, "confirmResize", "compute_confirm_resize", migration.source)


def revert(cloud: Cloud, instance: Instance, by: Caller) -> Migration:
    """POST revertResize."""
    guards.unlocked(instance, by)
    guards.state(instance, "revertResize", vm=("resized",))
    migration = _finished_migration(cloud, instance)
    records.turn(cloud, migration, "reverting")
    records.begin(cloud, instance, "revertResize", by)
    cloud.set_task(instance, "resize_reverting")
    cloud.after(migration.seconds * 0.3, _reverted, migration.uuid)
    return migration


def _reverted(cloud: Cloud, uuid: str) -> None:
    """The destination has dropped its guest; the source takes over a moment later."""
    migration = cloud.migrations[uuid]
    if migration.status == "reverting" and migration.instance in cloud.instances:
        records.turn(cloud, migration, "reverted")
        _note_end(cloud, migration, "revertResize", "compute_revert_resize", migration.dest)
        cloud.after(cloud.settings.settle_lag, _taken_back, uuid)


def _taken_back(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if instance is None:
        return
    if migration.old_flavor is not None and migration.old_flavor != instance.flavor:
        cloud.reshape(instance, migration.old_flavor)
    cloud.relocate(instance, migration.source)
    cloud.books.release(instance.uuid)
    cloud.books.hand_over(migration.uuid, instance.uuid)
    cloud.after(cloud.settings.settle_lag, _works_again, uuid)


def _works_again(cloud: Cloud, uuid: str) -> None:
    migration = cloud.migrations[uuid]
    instance = cloud.instances.get(migration.instance)
    if instance is None:
        return
    instance.vm_state = migration.old_vm_state
    cloud.set_task(instance, None)
    if migration.old_vm_state == "stopped":
        _note_end(cloud, migration, "revertResize", "compute_stop_instance", migration.source)
    _note_end(cloud, migration, "revertResize", "compute_finish_revert_resize", migration.source)


def _finished_migration(cloud: Cloud, instance: Instance) -> Migration:
    for migration in cloud.migrations_for(instance.uuid):
        if migration.status == "finished":
            return migration
    raise Refusal(400, "Instance has not been resized.")


def _note_end(cloud: Cloud, migration: Migration, action: str, event: str, host: str | None) -> None:
    for record in reversed(cloud.actions.get(migration.instance, ())):
        if record.action == action:
            records.event(cloud, record, event, host=host)
            return
