"""Small things that are done to a server: stop, start, lock, unlock, reset its state."""

from deploy.simcloud import guards, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import RUNNING, SHUTDOWN, Instance
from deploy.simcloud.identity import Caller


def stop(cloud: Cloud, instance: Instance, by: Caller) -> None:
    guards.unlocked(instance, by)
    guards.state(instance, "os-stop", vm=("active", "paused", "error"))
    guards.host_up(cloud, instance)
    _switch(cloud, instance, by, "stop", "powering-off")


def start(cloud: Cloud, instance: Instance, by: Caller) -> None:
    guards.unlocked(instance, by)
    guards.state(instance, "os-start", vm=("stopped",))
    guards.host_up(cloud, instance)
    _switch(cloud, instance, by, "start", "powering-on")


def _switch(cloud: Cloud, instance: Instance, by: Caller, verb: str, task_state: str) -> None:
    cloud.set_task(instance, task_state)
    records.begin(cloud, instance, verb, by)
    cloud.after(cloud.settings.power_seconds, _switched, instance.uuid, verb, by.request_id)


def _switched(cloud: Cloud, uuid: str, verb: str, request_id: str) -> None:
    instance = cloud.instances.get(uuid)
    if instance is None or instance.task_state not in ("powering-off", "powering-on"):
        return
    if instance.host is None or not cloud.hosts[instance.host].alive:
        return
    on = verb == "start"
    instance.vm_state, instance.power_state = ("active", RUNNING) if on else ("stopped", SHUTDOWN)
    cloud.set_task(instance, None)
    for action in cloud.actions[uuid]:
        if action.request_id == request_id:
            records.event(cloud, action, f"compute_{verb}_instance", host=instance.host)


def lock(cloud: Cloud, instance: Instance, by: Caller, reason: str | None = None) -> None:
    instance.locked, instance.locked_reason = True, reason
    cloud.touch(instance)
    records.begin(cloud, instance, "lock", by)


def unlock(cloud: Cloud, instance: Instance, by: Caller) -> None:
    instance.locked, instance.locked_reason = False, None
    cloud.touch(instance)
    records.begin(cloud, instance, "unlock", by)


def reset_state(cloud: Cloud, instance: Instance, by: Caller, state: str) -> None:
    """The operator's word that the server is well, or not."""
    instance.vm_state, instance.task_state = state, None
    if state == "active":
        instance.fault = None
    cloud.touch(instance)
    records.begin(cloud, instance, "resetState", by)
