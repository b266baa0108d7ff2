"""How a server looks to a client, microversion by microversion."""

import hashlib
from typing import Any

from deploy.simcloud import live_control
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Flavor, Instance
from deploy.simcloud.http import Call
from deploy.simcloud.nova import links
from deploy.simcloud.stamps import iso_z, naive

_RESIZE = {f"resize_{step}": "RESIZE" for step in ("prep", "migrating", "migrated", "finish")}
_REBUILD = {"rebuilding": "REBUILD", "rebuild_spawning": "REBUILD", "rebuild_block_device_mapping": "REBUILD"}
_REBOOT = {"rebooting": "REBOOT", "rebooting_hard": "HARD_REBOOT"}
_STATUS: dict[str, tuple[str, dict[str, str]]] = {
    "active": ("ACTIVE", {"migrating": "MIGRATING", **_REBOOT, **_RESIZE, **_REBUILD}),
    "building": ("BUILD", {}),
    "stopped": ("SHUTOFF", {**_RESIZE, **_REBUILD}),
    "resized": ("VERIFY_RESIZE", {"resize_reverting": "REVERT_RESIZE"}),
    "paused": ("PAUSED", {"migrating": "MIGRATING"}),
    "error": ("ERROR", _REBUILD),
    "deleted": ("DELETED", {}),
}
# All that Nova has a word for, whether a server here ever comes to it or not.
STATUSES = frozenset(
    [
        "ACTIVE",
        "BUILD",
        "DELETED",
        "ERROR",
        "HARD_REBOOT",
        "MIGRATING",
        "PASSWORD",
        "PAUSED",
        "REBOOT",
        "REBUILD",
        "RESCUE",
        "RESIZE",
        "REVERT_RESIZE",
        "SHELVED",
        "SHELVED_OFFLOADED",
        "SHUTOFF",
        "SOFT_DELETED",
        "SUSPENDED",
        "VERIFY_RESIZE",
    ]
)
_WITH_PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})


def status(instance: Instance) -> str:
    """The one word Nova makes of vm_state and task_state."""
    default, by_task = _STATUS.get(instance.vm_state, ("UNKNOWN", {}))
    return by_task.get(instance.task_state or "", default)


def host_status(cloud: Cloud, instance: Instance) -> str:
    if instance.host is None:
        return ""
    host = cloud.hosts[instance.host]
    if host.forced_down:
        return "DOWN"
    if not host.enabled:
        return "MAINTENANCE"
    return "UP" if host.up else "UNKNOWN"


def zone_of(cloud: Cloud, instance: Instance) -> str:
    if instance.host is None:
        return instance.pinned_zone or ""
    return cloud.hosts[instance.host].zone


def basic(call: Call, instance: Instance) -> dict[str, Any]:
    return {"id": instance.uuid, "name": instance.name, "links": links(call, f"servers/{instance.uuid}")}


def partial(call: Call, instance: Instance) -> dict[str, Any]:
    """All that is known of a server whose cell does not answer (from 2.69 on)."""
    return {
        "id": instance.uuid,
        "status": "UNKNOWN",
        "tenant_id": instance.project_id,
        "created": iso_z(call.cloud, instance.created),
        "links": links(call, f"servers/{instance.uuid}"),
    }


def partial_show(call: Call, instance: Instance) -> dict[str, Any]:
    """A single server of a down cell keeps what the request spec remembers."""
    return {
        **partial(call, instance),
        "user_id": instance.user_id,
        "flavor": embedded_flavor(instance.flavor, extra_specs=True),
        "image": {"id": instance.image} if instance.image else "",
        "OS-EXT-AZ:availability_zone": instance.pinned_zone or "UNKNOWN",
        "OS-EXT-STS:power_state": 0,
    }


def detail(call: Call, instance: Instance, *, single: bool) -> dict[str, Any]:
    """Everything; `single` is a show, which alone names the server groups."""
    cloud, word = call.cloud, status(instance)
    view: dict[str, Any] = {
        "id": instance.uuid,
        "name": instance.name,
        "status": word,
        "tenant_id": instance.project_id,
        "user_id": instance.user_id,
        "metadata": instance.metadata,
        "hostId": _host_id(instance),
        "image": "" if instance.from_volume or not instance.image else _image(call, instance),
        "flavor": _flavor(call, instance.flavor),
        "created": iso_z(cloud, instance.created),
        "updated": iso_z(cloud, instance.updated),
        "addresses": {},
        "accessIPv4": "",
        "accessIPv6": "",
        "links": links(call, f"servers/{instance.uuid}"),
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": zone_of(cloud, instance),
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": naive(cloud, instance.launched),
        "OS-SRV-USG:terminated_at": naive(cloud, instance.terminated),
        "OS-EXT-STS:task_state": instance.task_state,
        "OS-EXT-STS:vm_state": instance.vm_state,
        "OS-EXT-STS:power_state": instance.power_state,
        "os-extended-volumes:volumes_attached": _volumes(call, instance),
    }
    if word in ("ERROR", "DELETED") and instance.fault is not None:
        view["fault"] = {**instance.fault, "created": iso_z(cloud, instance.fault["created"])}
    if word in _WITH_PROGRESS:
        view["progress"] = live_control.progress(cloud, instance)
    if call.by.sees_all:
        _add_host_fields(call, instance, view)
    _add_by_microversion(call, instance, view, single=single)
    return view


def _add_host_fields(call: Call, instance: Instance, view: dict[str, Any]) -> None:
    view["OS-EXT-SRV-ATTR:host"] = instance.host
    view["OS-EXT-SRV-ATTR:hypervisor_hostname"] = instance.host
    view["OS-EXT-SRV-ATTR:instance_name"] = instance.domain
    if call.at_least(3):
        view["OS-EXT-SRV-ATTR:reservation_id"] = f"r-{instance.uuid[:8]}"
        view["OS-EXT-SRV-ATTR:launch_index"] = 0
        view["OS-EXT-SRV-ATTR:hostname"] = instance.name
        view["OS-EXT-SRV-ATTR:kernel_id"] = ""
        view["OS-EXT-SRV-ATTR:ramdisk_id"] = ""
        view["OS-EXT-SRV-ATTR:root_device_name"] = "/dev/vda"
        view["OS-EXT-SRV-ATTR:user_data"] = None
    if call.at_least(16):
        view["host_status"] = host_status(call.cloud, instance)


def _add_by_microversion(call: Call, instance: Instance, view: dict[str, Any], *, single: bool) -> None:
    if call.at_least(9):
        view["locked"] = instance.locked
    if call.at_least(19):
        view["description"] = instance.description
    if call.at_least(26):
        view["tags"] = instance.tags
    if call.at_least(63):
        view["trusted_image_certificates"] = None
    if call.at_least(71) and single:
        view["server_groups"] = [instance.group] if instance.group else []
    if call.at_least(73):
        view["locked_reason"] = instance.locked_reason
    if call.at_least(96):
        view["pinned_availability_zone"] = instance.pinned_zone
    if call.at_least(100):
        view["scheduler_hints"] = instance.hints


def embedded_flavor(flavor: Flavor, *, extra_specs: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "original_name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.memory_mb,
        "disk": flavor.disk_gb,
        "ephemeral": flavor.ephemeral_gb,
        "swap": flavor.swap_mb,
    }
    return {**view, "extra_specs": flavor.extra_specs} if extra_specs else view


def _flavor(call: Call, flavor: Flavor) -> dict[str, Any]:
    if call.at_least(47):
        return embedded_flavor(flavor, extra_specs=True)
    return {"id": flavor.id, "links": links(call, f"flavors/{flavor.id}")[1:]}


def _image(call: Call, instance: Instance) -> dict[str, Any]:
    return {"id": instance.image, "links": links(call, f"images/{instance.image}")[1:]}


def _volumes(call: Call, instance: Instance) -> list[dict[str, Any]]:
    if call.at_least(3):
        return [{"id": volume, "delete_on_termination": False} for volume in instance.volumes]
    return [{"id": volume} for volume in instance.volumes]


def _host_id(instance: Instance) -> str:
    if instance.host is None:
        return ""
    return hashlib.sha224(f"{instance.project_id}{instance.host}".encode()).hexdigest()
