"""Whether a cloud stands as its own scheduler would have placed it; a still cloud, nothing moving."""

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Host, Instance
from deploy.simcloud.scheduler import Wish, refusal


def breaches(cloud: Cloud) -> list[str]:
    """One sentence per broken rule; a server on a disabled or dead host is none: it was there before."""
    found = [problem for host in cloud.hosts.values() for problem in _overbooked(cloud, host)]
    for instance in cloud.instances.values():
        if instance.host is not None:
            found += _misplaced(cloud, instance, cloud.hosts[instance.host])
    strays = set(cloud.books.by_consumer) - set(cloud.instances) - set(cloud.moving)
    return found + [f"{stray} holds {cloud.books.held(stray)} and is nobody" for stray in sorted(strays)]


def _overbooked(cloud: Cloud, host: Host) -> list[str]:
    used = cloud.books.used(host.name)
    return [
        f"{host.name}: {amount} {name} booked of {host.inventories[name].capacity}"
        for name, amount in used.items()
        if amount > host.inventories[name].capacity
    ]


def _misplaced(cloud: Cloud, instance: Instance, host: Host) -> list[str]:
    found = []
    claimed = cloud.books.held(instance.uuid)
    if claimed != {host.name: instance.resources()}:
        found.append(f"{instance.name}: the books say {claimed}, it is on {host.name}")
    # Capacity is judged per host above, so a server may ask for nothing more here.
    problem = refusal(cloud, Wish(instance, instance.flavor), host, {})
    if problem not in (None, "ComputeStatus", "ComputeFilter"):
        found.append(f"{instance.name} on {host.name}: {problem}")
    return found
