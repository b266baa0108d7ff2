"""PURE reading of what flavor extra specs and image properties ask of a host."""

from __future__ import annotations

from collections.abc import Callable

from plan_schemas.model import Host, Instance

# Keys that bind an instance to particular cores, memory pages or devices of its host.
_PINNING = (
    "hw:cpu_dedicated_mask",
    "hw:cpu_policy",
    "hw:cpu_realtime",
    "hw:mem_page_size",
    "hw:numa_nodes",
    "hw:pmem",
    "pci_passthrough:alias",
)
_HARMLESS = frozenset({"shared", "small", "no", "false", ""})
_PINNED_CLASSES = frozenset({"PCPU", "VGPU", "PCI_DEVICE", "SRIOV_NET_VF", "PGPU"})


def traits_wanted(one: Instance) -> tuple[frozenset[str], frozenset[str]]:
    """The traits that flavor and image require, and those that they forbid."""
    required: set[str] = set()
    forbidden: set[str] = set()
    for specs in (one.extra_specs, one.image_properties):
        for key, value in specs.items():
            scope, _, trait = key.partition(":")
            if scope.rstrip("0123456789") == "trait" and trait:
                (forbidden if value == "forbidden" else required).add(trait)
    return frozenset(required), frozenset(forbidden)


def pinned_by(one: Instance, source: Host | None) -> str | None:
    """What binds the instance to parts of its host (NUMA, pinned CPUs, devices); None when nothing does."""
    asks = one.extra_specs or one.image_properties
    for key in _PINNING if asks else ():
        value = one.extra_specs.get(key, one.image_properties.get(key.replace(":", "_", 1)))
        if value is not None and str(value).lower() not in _HARMLESS:
            return f"{key}={value}"
    for name in sorted([k for k in one.resources if _particular(k, source)]):  # hardly ever any
        amount = one.resources[name]
        if amount and (name in _PINNED_CLASSES or name.startswith("CUSTOM_PCI_")):
            return f"{amount} {name}"
        if amount and source is not None and name in _nested(source):
            return f"{amount} {name} of a nested provider"
    return None


def _particular(name: str, source: Host | None) -> bool:
    """Whether it may be other than an amount of what the host has as a whole."""
    whole = source is None or name in source.inventory
    return not whole or name in _PINNED_CLASSES or name.startswith("CUSTOM_PCI_")


def _nested(source: Host) -> frozenset[str]:
    return frozenset(name for provider in source.providers for name in provider.inventory)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")  # compares false with everything: such a spec is met by no host


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda have, want: _number(have) >= _number(want),  # so it is in Nova
    "==": lambda have, want: _number(have) == _number(want),
    "!=": lambda have, want: _number(have) != _number(want),
    ">=": lambda have, want: _number(have) >= _number(want),
    "<=": lambda have, want: _number(have) <= _number(want),
    "s==": lambda have, want: have == want,
    "s!=": lambda have, want: have != want,
    "s<": lambda have, want: have < want,
    "s<=": lambda have, want: have <= want,
    "s>": lambda have, want: have > want,
    "s>=": lambda have, want: have >= want,
    "<in>": lambda have, want: want in have,
    "<all-in>": lambda have, want: all(w in have for w in want.split()),
    "<or>": lambda have, want: have in {w.strip() for w in want.split("<or>")},
}


def matches(have: str, wanted: str) -> bool:
    """Whether an aggregate's value meets an extra spec, with Nova's operators."""
    operator, _, rest = wanted.strip().partition(" ")
    if operator in _OPERATORS and rest:
        return _OPERATORS[operator](have, rest.strip())
    return have == wanted.strip()
