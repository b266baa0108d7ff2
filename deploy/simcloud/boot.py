"""How servers come and go."""

from dataclasses import dataclass, field
from typing import Any

from deploy.simcloud import guards, live, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import NOSTATE, RUNNING, Flavor, Instance
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import NoValidHost, Refusal
from deploy.simcloud.scheduler import Wish, pick


@dataclass
class Order:
    """What a server create asks for."""

    name: str
    flavor: Flavor
    image: str = ""
    from_volume: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    zone: str | None = None
    host: str | None = None
    bypass: bool = False  # zone:host names a host past all filters
    hints: dict[str, Any] = field(default_factory=dict)
    description: str | None = None


def boot(cloud: Cloud, order: Order, by: Caller) -> Instance:
    """Accept a new server; where it lands, or that it does not, turns out later."""
    flavor = order.flavor
    check_growth(cloud, by.project_id, instances=1, cores=flavor.vcpus, ram=flavor.memory_mb)
    group = order.hints.get("group")
    if group is not None and group not in cloud.groups:
        raise Refusal(400, f"Instance group {group} could not be found.")
    if order.host is not None:
        guards.known_host(cloud, order.host)
    instance = Instance(
        uuid=cloud.ids.uuid(),
        name=order.name,
        flavor=order.flavor,
        project_id=by.project_id,
        user_id=by.user_id,
        created=cloud.now,
        number=cloud.number("instance"),
        vm_state="building",
        task_state="scheduling",
        power_state=NOSTATE,
        updated=cloud.now,
        metadata=dict(order.metadata),
        tags=list(order.tags),
        pinned_zone=order.zone,
        hints=dict(order.hints),
        group=group,
        image=order.image,
        from_volume=order.from_volume,
        volumes=[cloud.ids.uuid()] if order.from_volume else [],
        description=order.description,
    )
    cloud.add_instance(instance, claim=False)
    records.begin(cloud, instance, "create", by)
    cloud.after(cloud.settings.boot_seconds * 0.3, _scheduled, instance.uuid, order.host, order.bypass)
    return instance


def check_growth(cloud: Cloud, project: str, *, instances: int, cores: int, ram: int) -> None:
    """403 when the project would have more than it may."""
    quota = cloud.quotas.get(project)
    if quota is None:
        return
    used = cloud.used_by_project.get(project, {})
    wanted = {"instances": instances, "cores": cores, "ram": ram}
    limits = {"instances": quota.instances, "cores": quota.cores, "ram": quota.ram}
    for name, limit in limits.items():
        have = used.get(name, 0)
        if limit >= 0 and have + wanted[name] > limit:
            detail = f"Requested {wanted[name]}, but already used {have} of {limit} {name}"
            raise Refusal(403, f"Quota exceeded for {name}: {detail}")


def _scheduled(cloud: Cloud, uuid: str, host: str | None, bypass: bool) -> None:
    instance = cloud.instances.get(uuid)
    if instance is None:
        return
    action = cloud.actions[uuid][0]
    try:
        chosen = (
            host if bypass and host is not None else pick(cloud, Wish(instance, instance.flavor, host)).name
        )
    except NoValidHost as problem:
        instance.vm_state, instance.task_state = "error", None
        instance.fault = {"code": 500, "message": str(problem), "created": cloud.now}
        cloud.touch(instance)
        records.event(cloud, action, "conductor_schedule_and_build_instances", error=str(problem))
        return
    cloud.books.claim(uuid, chosen, instance.resources())
    cloud.relocate(instance, chosen)
    instance.task_state = "spawning"
    cloud.after(cloud.settings.boot_seconds * 0.7, _running, uuid)


def _running(cloud: Cloud, uuid: str) -> None:
    instance = cloud.instances.get(uuid)
    if instance is None or instance.vm_state != "building" or instance.host is None:
        return
    if not cloud.hosts[instance.host].alive:
        return
    instance.vm_state, instance.task_state, instance.power_state = "active", None, RUNNING
    instance.launched = cloud.now
    cloud.touch(instance)
    records.event(cloud, cloud.actions[uuid][0], "compute__do_build_and_run_instance", host=instance.host)


def delete(cloud: Cloud, instance: Instance, by: Caller) -> None:
    """Accept a delete; the server lingers a moment as 'deleting'."""
    guards.unlocked(instance, by)
    cloud.set_task(instance, "deleting")
    records.begin(cloud, instance, "delete", by)
    cloud.after(cloud.settings.delete_seconds, vanish, instance.uuid)


def vanish(cloud: Cloud, uuid: str) -> None:
    """The server is gone, and so is every move it was in."""
    instance = cloud.instances.get(uuid)
    if instance is None:
        return
    for migration in [*cloud.expected.values()]:
        if migration.instance == uuid:
            del cloud.expected[migration.uuid]
    for migration in list(cloud.migrations_for(uuid)):
        if migration.running:
            records.turn(cloud, migration, "error")
            cloud.books.release(migration.uuid)
            live.free_slot(cloud, migration)
    instance.vm_state, instance.task_state, instance.power_state = "deleted", None, NOSTATE
    instance.terminated = cloud.now
    cloud.touch(instance)
    cloud.remove_instance(instance)
