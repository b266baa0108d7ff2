"""The cloud itself: everything that exists, the indexes over it, and its clock."""

import copy
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from deploy.simcloud.books import Books
from deploy.simcloud.clock import EPOCH, Clock
from deploy.simcloud.entities import (
    Action,
    Aggregate,
    Flavor,
    Host,
    Instance,
    Migration,
    Quota,
    Resources,
    ServerGroup,
)
from deploy.simcloud.faults import Faults
from deploy.simcloud.identity import Identity, default_identity
from deploy.simcloud.ids import Ids
from deploy.simcloud.journal import Journal
from deploy.simcloud.rates import Churn
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.roll import Roll
from deploy.simcloud.settings import Settings


class Cloud:
    """One simulated cloud. Nothing happens unless somebody asks or advances the clock."""

    def __init__(
        self,
        name: str = "sim",
        *,
        seed: int = 0,
        settings: Settings | None = None,
        epoch: datetime = EPOCH,
        service_roles: tuple[str, ...] = ("admin",),
    ) -> None:
        self.name = name
        self.seed = seed
        self.settings = settings or Settings()
        self.ids = Ids(seed)
        self.clock = Clock(epoch)
        self.identity: Identity = default_identity(service_roles)
        self.faults = Faults()
        self.journal = Journal()
        self.hosts: dict[str, Host] = {}
        self.host_by_uuid: dict[str, str] = {}
        self.host_by_service: dict[str, str] = {}
        self.flavors: dict[str, Flavor] = {}
        self.aggregates: dict[int, Aggregate] = {}
        self.aggregates_on: dict[str, list[int]] = {}
        self.groups: dict[str, ServerGroup] = {}
        self.quotas: dict[str, Quota] = {}
        self.instances: dict[str, Instance] = {}
        self.roll = Roll()
        self.on_host: dict[str, dict[str, None]] = {}
        self.no_host: dict[str, None] = {}
        self.gone: dict[str, Instance] = {}
        self.used_by_project: dict[str, Resources] = {}
        self.books = Books()
        self.migrations: dict[str, Migration] = {}
        self.migration_by_id: dict[int, str] = {}
        self.migration_roll = Roll()
        self.migrations_of: dict[str, list[str]] = {}
        self.moving: dict[str, None] = {}  # migrations in progress
        self.expected: dict[str, Migration] = {}  # accepted, record not yet written
        self.live_busy: dict[str, list[str]] = {}
        self.live_queue: dict[str, list[str]] = {}
        self.actions: dict[str, list[Action]] = {}
        self.down_cells: set[str] = set()
        self.churn: Churn | None = None
        self.speed = 1.0  # simulated per real seconds; only a served cloud looks at it
        self.numbers: dict[str, int] = {}

    # Time

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        return self.clock.now

    @property
    def moment(self) -> datetime:
        return self.clock.moment(self.clock.now)

    def advance(self, seconds: float) -> None:
        """Let time pass; everything due meanwhile happens at its own moment, in order."""
        self.advance_to(self.now + seconds)

    def advance_to(self, until: float) -> None:
        while (due := self.clock.pop_due(until)) is not None:
            call, args = due
            call(self, *args)
        self.clock.now = max(self.clock.now, until)

    def settle(self, limit: float = 86_400.0) -> None:
        """Let everything that was begun come to its end."""
        until = self.now + limit
        while (due := self.clock.next_due()) is not None and due <= until:
            self.advance_to(due)

    def after(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        """Call a module-level function with this cloud and the arguments, `seconds` from now."""
        self.clock.after(seconds, call, *args)

    def copy(self) -> "Cloud":
        """The same cloud in the same moment, going its own way from here on."""
        return copy.deepcopy(self)

    def number(self, series: str) -> int:
        """The next number of a series, as a database counts its rows."""
        self.numbers[series] = self.numbers.get(series, 0) + 1
        return self.numbers[series]

    # Things

    def add_host(self, host: Host) -> Host:
        self.hosts[host.name] = host
        self.host_by_uuid[host.uuid] = host.name
        self.host_by_service[host.service_uuid] = host.name
        self.on_host.setdefault(host.name, {})
        return host

    def add_aggregate(self, name: str, metadata: dict[str, str], hosts: Iterable[str] = ()) -> Aggregate:
        aggregate = Aggregate(
            self.number("aggregate"), self.ids.uuid(), name, dict(metadata), created=self.now
        )
        self.aggregates[aggregate.id] = aggregate
        for host in hosts:
            self.join_aggregate(aggregate, host)
        return aggregate

    def join_aggregate(self, aggregate: Aggregate, host: str) -> None:
        """A host in an aggregate with `availability_zone` is in that zone."""
        aggregate.hosts.append(host)
        self.aggregates_on.setdefault(host, []).append(aggregate.id)
        self.hosts[host].zone = aggregate.metadata.get("availability_zone", self.hosts[host].zone)

    def leave_aggregate(self, aggregate: Aggregate, host: str) -> None:
        aggregate.hosts.remove(host)
        self.aggregates_on[host].remove(aggregate.id)
        if "availability_zone" in aggregate.metadata:
            self.hosts[host].zone = self.settings.default_zone

    def add_instance(self, instance: Instance, *, claim: bool = True) -> Instance:
        """Let a server exist where it says it is, with its claim in the books."""
        self.instances[instance.uuid] = instance
        self.roll.add(instance.uuid, instance.created)
        self._index(instance)
        self._charge(instance, +1)
        if claim and instance.host is not None:
            self.books.claim(instance.uuid, instance.host, instance.resources())
        if instance.group is not None:
            self.groups[instance.group].members.append(instance.uuid)
        return instance

    def remove_instance(self, instance: Instance) -> None:
        """The server is gone; its tombstone stays for changes-since."""
        self._unindex(instance)
        self._charge(instance, -1)
        self.books.release(instance.uuid)
        self.roll.remove(instance.uuid)
        del self.instances[instance.uuid]
        if instance.group is not None and instance.group in self.groups:
            self.groups[instance.group].members.remove(instance.uuid)
        self.gone[instance.uuid] = instance
        if len(self.gone) > 5000:
            del self.gone[next(iter(self.gone))]

    def relocate(self, instance: Instance, host: str | None) -> None:
        """The server is on another host from now on; the books are the caller's business."""
        self._unindex(instance)
        instance.host = host
        self._index(instance)
        self.touch(instance)

    def reshape(self, instance: Instance, flavor: Flavor) -> None:
        """The server has another flavor from now on."""
        self._charge(instance, -1)
        instance.booted_disk_gb = instance.least_disk_gb
        instance.flavor = flavor
        self._charge(instance, +1)

    def set_task(self, instance: Instance, task_state: str | None) -> None:
        """The server is busy with something else, or with nothing."""
        instance.task_state = task_state
        self.touch(instance)

    def touch(self, instance: Instance) -> None:
        instance.updated = self.now

    def _index(self, instance: Instance) -> None:
        place = self.no_host if instance.host is None else self.on_host[instance.host]
        place[instance.uuid] = None

    def _unindex(self, instance: Instance) -> None:
        place = self.no_host if instance.host is None else self.on_host[instance.host]
        place.pop(instance.uuid, None)

    def _charge(self, instance: Instance, sign: int) -> None:
        used = self.used_by_project.setdefault(instance.project_id, {"instances": 0, "cores": 0, "ram": 0})
        used["instances"] += sign
        used["cores"] += sign * instance.flavor.vcpus
        used["ram"] += sign * instance.flavor.memory_mb

    # Looking things up

    def instance(self, uuid: str) -> Instance:
        found = self.instances.get(uuid)
        if found is None:
            raise Refusal(404, f"Instance {uuid} could not be found.")
        return found

    def migrations_for(self, instance: str) -> Iterator[Migration]:
        """Every recorded migration of one server, oldest first."""
        return (self.migrations[uuid] for uuid in self.migrations_of.get(instance, ()))

    def aggregates_of(self, host: str) -> Iterator[Aggregate]:
        return (self.aggregates[number] for number in self.aggregates_on.get(host, ()))

    def cell_down(self, instance: Instance) -> bool:
        """Whether Nova cannot reach the database that knows this server."""
        if not self.down_cells or instance.host is None:
            return False
        return self.hosts[instance.host].cell in self.down_cells

    def where(self) -> dict[str, str | None]:
        """The instance -> host map, for judges and tests."""
        return {uuid: instance.host for uuid, instance in self.instances.items()}
