"""What Nova checks before it accepts a request about a server."""

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Host, Instance
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import Refusal


def unlocked(instance: Instance, by: Caller) -> None:
    """A lock stops everybody but admins."""
    if instance.locked and not by.admin:
        raise Refusal(409, f"Instance {instance.uuid} is locked")


def state(
    instance: Instance,
    action: str,
    vm: tuple[str, ...] | None = None,
    task: tuple[str | None, ...] | None = (None,),
) -> None:
    """Nova names the first of vm_state and task_state that does not fit."""
    if vm is not None and instance.vm_state not in vm:
        raise _conflict(instance, action, "vm_state", instance.vm_state)
    if task is not None and instance.task_state not in task:
        raise _conflict(instance, action, "task_state", instance.task_state)


def _conflict(instance: Instance, action: str, which: str, state: str | None) -> Refusal:
    """A state that is none has no name to tell."""
    if state is None:
        return Refusal(409, f"Instance {instance.uuid} is in an invalid state for '{action}'")
    return Refusal(409, f"Cannot '{action}' instance {instance.uuid} while it is in {which} {state}")


def known_host(cloud: Cloud, name: str) -> Host:
    host = cloud.hosts.get(name)
    if host is None:
        raise Refusal(400, f"Compute host {name} could not be found.")
    return host


def host_up(cloud: Cloud, instance: Instance) -> None:
    """Some requests need the server's own compute service."""
    if instance.host is None:
        raise Refusal(409, f"Instance {instance.uuid} is not ready")
    if not cloud.hosts[instance.host].up:
        raise Refusal(409, "Service is unavailable at this time.")


def is_admin(by: Caller, rule: str) -> None:
    if not by.admin:
        raise Refusal(403, f"Policy doesn't allow os_compute_api:{rule} to be performed.")
