"""Rows of Placement's answers, and what the tree of providers below one host holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import Field

from activities.door import Reader
from activities.observe.nova import Row
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Amounts, Inventory, plus

MICROVERSION = "1.29"  # nested providers, consumer generations


class ProviderRow(Row):
    uuid: str
    name: str
    parent: str | None = Field(default=None, alias="parent_provider_uuid")
    root: str = Field(alias="root_provider_uuid")


class Providers(Row):
    rows: tuple[ProviderRow, ...] = Field(alias="resource_providers")


UNLIMITED = 2**31 - 1  # what Placement answers for a max_unit that nobody set


class InventoryRow(Row):
    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    max_unit: int = UNLIMITED

    def inventory(self) -> Inventory:
        limit = None if self.max_unit >= UNLIMITED else self.max_unit
        return Inventory(self.total, self.reserved, self.allocation_ratio, limit)


class Inventories(Row):
    rows: dict[str, InventoryRow] = Field(alias="inventories")


class Traits(Row):
    rows: tuple[str, ...] = Field(alias="traits")


class Claim(Row):
    resources: dict[str, int]


class Allocations(Row):
    rows: dict[str, Claim] = Field(alias="allocations")


@dataclass(frozen=True, slots=True)
class Holding:
    """One provider with what it has to give."""

    row: ProviderRow
    inventory: Mapping[str, Inventory]
    traits: tuple[str, ...]


def providers(reader: Reader, below: str | None = None) -> tuple[ProviderRow, ...]:
    """Every provider of the cloud, or the tree that one provider belongs to."""
    query = f"?in_tree={below}" if below else ""
    return Providers.model_validate_json(
        reader.get("placement", f"/resource_providers{query}", MICROVERSION)
    ).rows


def holding(reader: Reader, row: ProviderRow) -> Holding:
    """Inventories and traits of one provider."""
    base = f"/resource_providers/{row.uuid}"
    found = Inventories.model_validate_json(reader.get("placement", f"{base}/inventories", MICROVERSION)).rows
    traits = Traits.model_validate_json(reader.get("placement", f"{base}/traits", MICROVERSION)).rows
    inventory = FrozenDict({k: v.inventory() for k, v in sorted(found.items())})
    return Holding(row, inventory, tuple(sorted(traits)))


def allocations(reader: Reader, tree: Iterable[str]) -> dict[str, Amounts]:
    """What each consumer holds anywhere in a tree of providers."""
    out: dict[str, Amounts] = {}
    for uuid in tree:
        answer = reader.get("placement", f"/resource_providers/{uuid}/allocations", MICROVERSION)
        for consumer, claim in Allocations.model_validate_json(answer).rows.items():
            out[consumer] = plus(out.get(consumer, {}), claim.resources)
    return out
