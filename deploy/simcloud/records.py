"""What Nova writes down about a request: the instance action with its events, and the migration record."""

import random

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Action, Event, Flavor, Instance, Migration
from deploy.simcloud.identity import Caller


def begin(cloud: Cloud, instance: Instance, action: str, by: Caller) -> Action:
    """The action Nova records before it does anything."""
    record = Action(action, by.request_id, by.user_id, by.project_id, cloud.now, cloud.now)
    cloud.actions.setdefault(instance.uuid, []).append(record)
    return record


def action_of(cloud: Cloud, migration: Migration) -> Action | None:
    """The action that began a migration."""
    for action in reversed(cloud.actions.get(migration.instance, ())):
        if action.request_id == migration.request_id and action.action == migration.action:
            return action
    return None


def event(
    cloud: Cloud,
    action: Action | None,
    name: str,
    *,
    host: str | None = None,
    error: str | None = None,
    took: float = 0.0,
) -> None:
    """A finished step; an error makes the whole action read "Error"."""
    if action is None:
        return
    result = "Success" if error is None else "Error"
    action.events.append(Event(name, cloud.now - took, host, cloud.now, result, error))
    action.updated = cloud.now
    if error is not None:
        action.message = "Error"


def open_event(cloud: Cloud, action: Action | None, name: str, host: str | None) -> None:
    """A step that has begun; close_event ends it."""
    if action is not None:
        action.events.append(Event(name, cloud.now, host))
        action.updated = cloud.now


def close_event(cloud: Cloud, action: Action | None, name: str, error: str | None = None) -> None:
    if action is None:
        return
    for step in action.events:
        if step.event == name and step.finish is None:
            step.finish, step.details = cloud.now, error
            step.result = "Success" if error is None else "Error"
    action.updated = cloud.now
    if error is not None:
        action.message = "Error"


def expect(
    cloud: Cloud, instance: Instance, kind: str, action: str, by: Caller, new_flavor: Flavor | None = None
) -> Migration:
    """A migration that has been accepted; nobody can see it until write() puts it into the database."""
    assert instance.host is not None, "a server without a host has nothing to move from"  # noqa: S101 - invariant
    migration = Migration(
        id=0,
        uuid=cloud.ids.uuid(),
        instance=instance.uuid,
        kind=kind,
        source=instance.host,
        user_id=by.user_id,
        project_id=by.project_id,
        created=cloud.now,
        request_id=by.request_id,
        action=action,
        old_flavor=instance.flavor,
        new_flavor=new_flavor or instance.flavor,
        old_vm_state=instance.vm_state,
    )
    cloud.expected[migration.uuid] = migration
    return migration


def write(cloud: Cloud, migration: Migration) -> Migration:
    """From now on the record can be listed."""
    cloud.expected.pop(migration.uuid, None)
    migration.id = cloud.number("migration")
    migration.created = migration.updated = cloud.now
    cloud.migrations[migration.uuid] = migration
    cloud.migration_by_id[migration.id] = migration.uuid
    cloud.migration_roll.add(migration.uuid, migration.created)
    cloud.migrations_of.setdefault(migration.instance, []).append(migration.uuid)
    cloud.moving[migration.uuid] = None
    return migration


def turn(cloud: Cloud, migration: Migration, status: str) -> None:
    """The record changes its status."""
    migration.status = status
    migration.updated = cloud.now
    if not migration.running:
        cloud.moving.pop(migration.uuid, None)


def prompt(cloud: Cloud, migration: Migration, moment: str) -> bool:
    """Whether the record keeps up with the server here: by the seed, without touching any other dice."""
    draw = random.Random(f"{cloud.seed} {migration.uuid} {moment}")
    return draw.random() < cloud.settings.prompt_share
