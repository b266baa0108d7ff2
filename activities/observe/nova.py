"""Rows of Nova's answers, straight from the bytes. A record of a cell that is down has only some fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from activities.rights import hidden

Moment = Annotated[datetime, AfterValidator(lambda t: t if t.tzinfo else t.replace(tzinfo=UTC))]

# A migration record in one of these is over; everything else is in progress.
ENDED = frozenset({"completed", "confirmed", "reverted", "done", "error", "failed", "cancelled"})
# Statuses in which a server and its allocations may disagree for a while.
_IN_TRANSIT = frozenset(
    {"BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "MIGRATING", "DELETED"}
)


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Flavor(Row):
    """The flavor as the server was booted with it (from 2.47 on)."""

    original_name: str
    vcpus: int
    ram: int  # MiB
    disk: int  # GiB
    ephemeral: int = 0  # GiB
    swap: int = 0  # MiB
    extra_specs: dict[str, str] = Field(default_factory=dict)


class Offer(Row):
    """A flavor on offer, which servers may be resized to."""

    id: str
    name: str
    vcpus: int
    ram: int  # MiB
    disk: int  # GiB
    ephemeral: int = Field(default=0, alias="OS-FLV-EXT-DATA:ephemeral")  # GiB
    swap: int = 0  # MiB; a number from 2.75 on
    disabled: bool = Field(default=False, alias="OS-FLV-DISABLED:disabled")
    extra_specs: dict[str, str] = Field(default_factory=dict)  # from 2.61 on


class Image(Row):
    id: str = ""
    properties: dict[str, Any] | None = None  # from 2.98 on


class Attachment(Row):
    id: str


class Fault(Row):
    message: str = ""
    code: int = 0


class Server(Row):
    id: str
    status: str
    name: str = ""
    project: str = Field(default="", alias="tenant_id")
    host: str | None = Field(default=None, alias="OS-EXT-SRV-ATTR:host")
    task_state: str | None = Field(default=None, alias="OS-EXT-STS:task_state")
    power_state: int = Field(default=0, alias="OS-EXT-STS:power_state")
    locked: bool = False
    flavor: Flavor | None = None
    image: Image | str = ""
    metadata: dict[str, str] = Field(default_factory=dict)
    tags: tuple[str, ...] = ()
    created: Moment
    pinned_az: str | None = Field(default=None, alias="pinned_availability_zone")  # from 2.96 on
    scheduler_hints: dict[str, Any] | None = None  # from 2.100 on
    volumes: tuple[Attachment, ...] = Field(default=(), alias="os-extended-volumes:volumes_attached")
    fault: Fault | None = None

    @property
    def partial(self) -> bool:
        """Whether this is the minimal record of a server whose cell does not answer."""
        return self.flavor is None or self.status == "UNKNOWN"

    @property
    def in_transit(self) -> bool:
        return self.task_state is not None or self.status in _IN_TRANSIT


class Service(Row):
    """A nova-compute service. In a cell that is down only host, binary and status UNKNOWN are known."""

    id: str = ""
    host: str
    status: str
    state: str = "unknown"
    zone: str = ""
    disabled_reason: str | None = None


class Hypervisor(Row):
    """A compute node; its id is the uuid of its resource provider (from 2.53 on)."""

    class Owner(Row):
        host: str
        id: str

    id: str
    name: str = Field(alias="hypervisor_hostname")
    type: str | None = Field(default=None, alias="hypervisor_type")
    service: Owner


class Aggregate(Row):
    id: int
    name: str
    hosts: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)


class Group(Row):
    """A server group as from 2.64 on: one policy, with its rules."""

    id: str
    name: str
    policy: str
    project: str | None = Field(default=None, alias="project_id")
    members: tuple[str, ...] = ()
    rules: dict[str, int] = Field(default_factory=dict)


class Migration(Row):
    """A move of one server; it appears after the 202 and ends after the server has settled."""

    id: int
    uuid: str = ""
    instance: str = Field(alias="instance_uuid")
    kind: str = Field(alias="migration_type")
    status: str
    source: str | None = Field(default=None, alias="source_compute")
    dest: str | None = Field(default=None, alias="dest_compute")
    user: str | None = Field(default=None, alias="user_id")
    created: Moment = Field(alias="created_at")
    updated: Moment | None = Field(default=None, alias="updated_at")

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class Progress(Row):
    """How far a live migration has come; bytes are None before they flow."""

    id: int
    status: str
    total: int | None = Field(default=None, alias="memory_total_bytes")
    processed: int | None = Field(default=None, alias="memory_processed_bytes")
    remaining: int | None = Field(default=None, alias="memory_remaining_bytes")


class Event(Row):
    name: str = Field(alias="event")
    result: str | None = None
    details: str | None = None  # from 2.84 on


class Request(Row):
    """What was asked of a server (an "instance action"); `message` is "Error" when a step of it failed."""

    id: str = Field(alias="request_id")
    action: str
    user: str | None = Field(default=None, alias="user_id")
    started: Moment = Field(alias="start_time")
    message: str | None = None
    events: tuple[Event, ...] | None = None


class Link(Row):
    rel: str


class Page(Row):
    """One page of a listing: its rows, and whether there are more behind it."""

    rows: tuple[Any, ...]
    links: tuple[Link, ...] = ()

    @property
    def more(self) -> bool:
        return any(link.rel == "next" for link in self.links)


class Servers(Page):
    rows: tuple[Server, ...] = Field(alias="servers")
    links: tuple[Link, ...] = Field(default=(), alias="servers_links")


class Services(Page):
    rows: tuple[Service, ...] = Field(alias="services")


class Hypervisors(Page):
    rows: tuple[Hypervisor, ...] = Field(alias="hypervisors")
    links: tuple[Link, ...] = Field(default=(), alias="hypervisors_links")


class Aggregates(Page):
    rows: tuple[Aggregate, ...] = Field(alias="aggregates")


class Groups(Page):
    rows: tuple[Group, ...] = Field(alias="server_groups")


class Offers(Page):
    rows: tuple[Offer, ...] = Field(alias="flavors")
    links: tuple[Link, ...] = Field(default=(), alias="flavors_links")


class Migrations(Page):
    rows: tuple[Migration, ...] = Field(alias="migrations")
    links: tuple[Link, ...] = Field(default=(), alias="migrations_links")


class ServerMigrations(Page):
    rows: tuple[Progress, ...] = Field(alias="migrations")


class Requests(Page):
    rows: tuple[Request, ...] = Field(alias="instanceActions")


class OneServer(Row):
    row: Server = Field(alias="server")


class OneRequest(Row):
    row: Request = Field(alias="instanceAction")


class OneService(Row):
    row: Service = Field(alias="service")


def shown_servers(rows: tuple[Server, ...]) -> tuple[Server, ...]:
    """The same rows, if they show all of a server. Raises Denied: who lacks a right gets less, not a no."""
    for row in rows:
        if row.flavor is None or row.partial:
            continue
        if "host" not in row.model_fields_set:
            raise hidden("the hosts of servers", "os_compute_api:os-extended-server-attributes")
        if "extra_specs" not in row.flavor.model_fields_set:
            raise hidden("the extra specs of flavors", "os_compute_api:servers:show:flavor-extra-specs")
    return rows


def shown_offers(rows: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """The same flavors but for disabled ones, if they show what they demand. Raises Denied."""
    if any("extra_specs" not in row.model_fields_set for row in rows):
        raise hidden("the extra specs of flavors", "os_compute_api:os-flavor-extra-specs:index")
    return tuple(row for row in rows if not row.disabled)


def shown_moves(rows: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """The same records, if they tell from where and to where. Raises Denied."""
    if any("source" not in row.model_fields_set for row in rows):
        raise hidden("the hosts of migrations", "os_compute_api:os-migrations:index:host")
    return rows
