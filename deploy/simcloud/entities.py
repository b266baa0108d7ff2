"""What a cloud is made of: hosts, flavors, instances, groups, aggregates and migrations, as plain records."""

from dataclasses import dataclass, field
from typing import Any

VCPU, MEMORY, DISK = "VCPU", "MEMORY_MB", "DISK_GB"
CLASSES = (VCPU, MEMORY, DISK)

RUNNING, PAUSED, SHUTDOWN, NOSTATE = 1, 3, 4, 0

# Nova counts a migration in one of these as over; everything else is in progress.
ENDED = frozenset({"confirmed", "reverted", "error", "failed", "completed", "cancelled", "done"})

Resources = dict[str, int]


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size on offer; instances embed the flavor they were booted with."""

    id: str
    name: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    ephemeral_gb: int = 0
    swap_mb: int = 0
    extra_specs: dict[str, str] = field(default_factory=dict, hash=False)
    project_id: str | None = None  # None: public

    def resources(self, *, from_volume: bool = False) -> Resources:
        """What a server of this flavor claims in Placement."""
        root = 0 if from_volume else self.disk_gb
        disk = root + self.ephemeral_gb + -(-self.swap_mb // 1024)
        claim = {VCPU: self.vcpus, MEMORY: self.memory_mb, DISK: disk}
        return {name: amount for name, amount in claim.items() if amount}


@dataclass(slots=True)
class Inventory:
    """One resource class of a host, as Placement keeps it."""

    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    max_unit: int = 0

    @property
    def capacity(self) -> int:
        """What Placement lets be claimed altogether."""
        return int((self.total - self.reserved) * self.allocation_ratio)


@dataclass(slots=True)
class Host:
    """A compute host: Nova service, hypervisor and resource provider of one name."""

    name: str
    uuid: str
    service_uuid: str
    number: int
    zone: str
    inventories: dict[str, Inventory]
    cell: str = "cell1"
    traits: set[str] = field(default_factory=set)
    enabled: bool = True
    disabled_reason: str | None = None
    alive: bool = True
    reported_down: bool = False
    forced_down: bool = False
    updated: float = 0.0
    generation: int = 1
    live_seconds: float | None = None
    cold_seconds: float | None = None

    @property
    def up(self) -> bool:
        """Whether Nova believes that the service lives; it notices a death only after a while."""
        return not (self.forced_down or self.reported_down)

    @property
    def ip(self) -> str:
        return f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"


@dataclass(slots=True)
class Instance:
    """A server with everything Nova tells about it."""

    uuid: str
    name: str
    flavor: Flavor
    project_id: str
    user_id: str
    created: float
    number: int
    host: str | None = None
    vm_state: str = "active"
    task_state: str | None = None
    power_state: int = RUNNING
    updated: float = 0.0
    launched: float | None = None
    terminated: float | None = None
    locked: bool = False
    locked_reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    pinned_zone: str | None = None
    hints: dict[str, Any] = field(default_factory=dict)
    group: str | None = None
    image: str = ""
    from_volume: bool = False
    booted_disk_gb: int | None = None  # of its first flavor; None while it has that
    volumes: list[str] = field(default_factory=list)
    description: str | None = None
    fault: dict[str, Any] | None = None
    load: tuple[float, float, float, float] | None = None  # percent of cores and memory, swing, its period
    live_seconds: float | None = None
    cold_seconds: float | None = None

    @property
    def domain(self) -> str:
        """What the hypervisor calls it."""
        return f"instance-{self.number:08x}"

    @property
    def deleted(self) -> bool:
        return self.vm_state == "deleted"

    @property
    def least_disk_gb(self) -> int:
        """Nova takes the disk of the first flavor for the least that the image needs."""
        return self.flavor.disk_gb if self.booted_disk_gb is None else self.booted_disk_gb

    def resources(self) -> Resources:
        return self.flavor.resources(from_volume=self.from_volume)


@dataclass(slots=True)
class ServerGroup:
    """Servers that want to be together or apart."""

    uuid: str
    name: str
    policy: str
    project_id: str
    user_id: str
    members: list[str] = field(default_factory=list)
    max_server_per_host: int | None = None

    @property
    def limit(self) -> int:
        """How many members one host may carry under anti-affinity."""
        return self.max_server_per_host or 1


@dataclass(slots=True)
class Aggregate:
    """A named set of hosts with metadata; one with `availability_zone` makes a zone."""

    id: int
    uuid: str
    name: str
    metadata: dict[str, str] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=list)
    created: float = 0.0


@dataclass(slots=True)
class Migration:
    """One move of one server: the record that alone says how it ended."""

    id: int
    uuid: str
    instance: str
    kind: str  # live-migration, migration, resize, evacuation
    source: str
    user_id: str
    project_id: str
    created: float
    request_id: str
    action: str
    dest: str | None = None
    status: str = "accepted"
    updated: float = 0.0
    old_flavor: Flavor | None = None
    new_flavor: Flavor | None = None
    forced_host: bool = False
    wanted_host: str | None = None
    begun: float | None = None  # when bytes began to flow
    seconds: float = 0.0
    stalled_at: float | None = None  # share of the bytes after which nothing moves any more
    aborting: bool = False
    trouble: str | None = None  # a planted fault: check, pre, on_the_way, stall
    trouble_at: float = 0.5
    old_vm_state: str = "active"
    lost: bool = False  # its source host died on the way
    settled: bool = False  # its server has nothing to do with it any more; the record may lag behind

    @property
    def running(self) -> bool:
        return self.status not in ENDED


@dataclass(slots=True)
class Event:
    """One step of an instance action."""

    event: str
    start: float
    host: str | None
    finish: float | None = None
    result: str | None = None
    details: str | None = None


@dataclass(slots=True)
class Action:
    """What somebody asked of an instance, with what became of it."""

    action: str
    request_id: str
    user_id: str
    project_id: str
    start: float
    updated: float
    message: str | None = None
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Quota:
    """Limits of one project; -1 is unlimited."""

    instances: int = -1
    cores: int = -1
    ram: int = -1
    server_groups: int = -1
