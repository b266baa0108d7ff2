"""A PURE ledger of the space that instances take on hosts."""

from __future__ import annotations

from collections.abc import Mapping

from plan_schemas.model import Cluster, Instance


def hinted(one: Instance, hint: str) -> tuple[str, ...]:
    """The instances that a scheduler hint names."""
    value = one.scheduler_hints.get(hint, ())
    return (value,) if isinstance(value, str) else tuple(str(v) for v in value)


class Occupancy:
    """A ledger of who takes space where, on top of a cluster that never changes.

    While an instance moves it counts on both hosts: `add` when the move starts, `remove` when it has ended.
    Raises KeyError for an unknown host or instance.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._free: dict[str, dict[str, int]] = {}
        self._later: dict[
            str, list[tuple[str, int]]
        ] = {}  # booked on hosts of which nobody asked what is free
        self._where: dict[str, tuple[str, ...]] = {}
        self._apart: dict[str, dict[str, None]] = {}
        for one in [i for i in cluster.instances.values() if i.scheduler_hints]:
            for other in hinted(one, "different_host"):
                self._apart.setdefault(one.uuid, {})[other] = None
                self._apart.setdefault(other, {})[one.uuid] = None

    def free(self, host: str) -> Mapping[str, int]:
        """What is left of each resource class of the host's root provider; negative when overcommitted."""
        found = self._free.get(host)
        if found is None:
            found = self._free[host] = dict(self.cluster.free(host))
            for instance, sign in self._later.pop(host, ()):
                self._book(instance, host, sign)
        return found

    def where(self, instance: str) -> tuple[str, ...]:
        """The hosts on which the instance counts now, in the order in which it came."""
        found = self._where.get(instance)
        if found is not None:
            return found
        known = self.cluster.instances.get(instance)
        return (known.host,) if known is not None and known.host is not None else ()

    def apart(self, instance: str) -> tuple[str, ...]:
        """The instances that a scheduler hint, of either of the two, keeps off the host of this one."""
        return tuple(self._apart.get(instance, ()))

    def add(self, instance: str, host: str) -> None:
        """Let the instance take its space on the host (nothing changes when it does already)."""
        there = self.where(instance)
        if host not in there:
            self._book(instance, host, -1)
            self._where[instance] = (*there, host)

    def remove(self, instance: str, host: str) -> None:
        """Give back the space of the instance on the host (nothing changes when it has none there)."""
        there = self.where(instance)
        if host in there:
            self._book(instance, host, +1)
            self._where[instance] = tuple([h for h in there if h != host])

    def _book(self, instance: str, host: str, sign: int) -> None:
        resources, free = self.cluster.instances[instance].resources, self._free.get(host)
        if free is None:
            booked = self._later.setdefault(self.cluster.hosts[host].name, [])
            if booked and booked[-1] == (instance, -sign):
                booked.pop()
            else:
                booked.append((instance, sign))
            return
        for name, amount in resources.items():
            if name in free:
                free[name] += sign * amount
