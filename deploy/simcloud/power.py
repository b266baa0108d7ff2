"""Small things that are done to a server: stop, start, pause, reboot, lock, reset its state."""

from dataclasses import dataclass

from deploy.simcloud import guards, records
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import PAUSED, RUNNING, SHUTDOWN, Instance
from deploy.simcloud.identity import Caller

# A hard reboot may overtake these.
_OVERTAKEN = (None, "rebooting", "rebooting_hard", "pausing", "unpausing")


@dataclass(frozen=True)
class Switch:
    """One such thing: from which states, by which task, to which state."""

    verb: str
    origin: tuple[str, ...]
    task: str
    vm_state: str
    power_state: int
    allowed_tasks: tuple[str | None, ...] = (None,)


STOP = Switch("stop", ("active", "error"), "powering-off", "stopped", SHUTDOWN)
START = Switch("start", ("stopped",), "powering-on", "active", RUNNING)
PAUSE = Switch("pause", ("active",), "pausing", "paused", PAUSED)
UNPAUSE = Switch("unpause", ("paused",), "unpausing", "active", RUNNING)
SOFT_REBOOT = Switch("reboot", ("active",), "rebooting", "active", RUNNING)
HARD_REBOOT = Switch(
    "reboot", ("active", "stopped", "paused", "error"), "rebooting_hard", "active", RUNNING, _OVERTAKEN
)


def turn(cloud: Cloud, instance: Instance, by: Caller, switch: Switch) -> None:
    """Accept it; a server whose host is dead stays with the task."""
    guards.unlocked(instance, by)
    guards.state(instance, switch.verb, vm=switch.origin, task=switch.allowed_tasks)
    cloud.set_task(instance, switch.task)
    records.begin(cloud, instance, switch.verb, by)
    cloud.after(cloud.settings.power_seconds, _turned, instance.uuid, switch, by.request_id)


def _turned(cloud: Cloud, uuid: str, switch: Switch, request_id: str) -> None:
    instance = cloud.instances.get(uuid)
    if instance is None or instance.task_state != switch.task:
        return
    if instance.host is None or not cloud.hosts[instance.host].alive:
        return
    instance.vm_state, instance.power_state = switch.vm_state, switch.power_state
    cloud.set_task(instance, None)
    for action in cloud.actions[uuid]:
        if action.request_id == request_id:
            records.event(cloud, action, f"compute_{switch.verb}_instance", host=instance.host)


def lock(cloud: Cloud, instance: Instance, by: Caller, reason: str | None = None) -> None:
    """Whoever owns the project and finds it locked has nothing to do."""
    if instance.locked and by.project_id == instance.project_id:
        return
    instance.locked, instance.locked_reason = True, reason
    cloud.touch(instance)
    records.event(cloud, records.begin(cloud, instance, "lock", by), "api_lock")


def unlock(cloud: Cloud, instance: Instance, by: Caller) -> None:
    instance.locked, instance.locked_reason = False, None
    cloud.touch(instance)
    records.event(cloud, records.begin(cloud, instance, "unlock", by), "api_unlock")


def reset_state(cloud: Cloud, instance: Instance, by: Caller, state: str) -> None:
    """The operator's word that the server is well, or not."""
    instance.vm_state, instance.task_state = state, None
    if state == "active":
        instance.fault = None
    cloud.touch(instance)
    records.begin(cloud, instance, "resetState", by)
