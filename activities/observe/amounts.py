"""What a flavor asks of Placement. Pure."""

from __future__ import annotations

import re

from activities.observe.nova import Flavor as Booted
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Amounts, Flavor

_RESOURCE = re.compile(r"^resources([a-zA-Z0-9_-]{0,64}):([A-Z0-9_]+)$")


def of_flavor(flavor: Booted | Flavor, *, boot_from_volume: bool) -> FrozenDict:
    """Amounts by resource class, as Nova derives them: sizes, or `resources:X=n`, numbered groups on top."""
    root = 0 if boot_from_volume else flavor.disk
    dedicated = flavor.extra_specs.get("hw:cpu_policy") == "dedicated"
    out = {
        "PCPU" if dedicated else "VCPU": flavor.vcpus,
        "MEMORY_MB": flavor.ram,
        "DISK_GB": root + flavor.ephemeral + -(-flavor.swap // 1024),
    }
    extra: list[tuple[str, int]] = []
    for key, value in flavor.extra_specs.items():
        match = _RESOURCE.match(key)
        if match is None or not str(value).isdigit():
            continue
        if match[1]:
            extra.append((match[2], int(value)))
        else:
            out[match[2]] = int(value)
    for name, amount in extra:
        out[name] = out.get(name, 0) + amount
    return FrozenDict({k: v for k, v in sorted(out.items()) if v})


def differences(held: Amounts, needed: Amounts, classes: frozenset[str]) -> tuple[str, ...]:
    """Where Placement's record differs from the flavor, among the classes that the host has itself.

    Processors count together: Nova may place a dedicated one as VCPU and the other way round. Classes that a
    flavor does not name (bandwidth of ports, devices) are Placement's alone.
    """
    rows = []
    for name, group in (("VCPU", ("VCPU", "PCPU")), ("MEMORY_MB", ("MEMORY_MB",)), ("DISK_GB", ("DISK_GB",))):
        if classes.isdisjoint(group):
            continue
        has, wants = sum(held.get(k, 0) for k in group), sum(needed.get(k, 0) for k in group)
        if has != wants:
            rows.append(f"{name} {has} allocated, {wants} by its flavor")
    return tuple(rows)


def higher(a: Amounts, b: Amounts) -> FrozenDict:
    return FrozenDict({k: max(a.get(k, 0), b.get(k, 0)) for k in sorted({*a, *b})})
