"""What flavors and images ask for: Nova's little language of extra specs, and ties to pieces of a host."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator

from tests.judge.picture import Row

_NUMERIC: dict[str, Callable[[float, float], bool]] = {
    "=": operator.ge,  # an old oddity of Nova: a single = means at least
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}
_TEXTUAL: dict[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
    "<in>": operator.contains,
}


def meets(value: str, wish: str) -> bool:
    """Nova's little language of extra specs: an operator and its operand, or the plain value."""
    word, *rest = wish.split() or [""]
    if word == "<or>":
        return value in [w for w in rest if w != "<or>"]
    if word == "<all-in>":
        return all(w in value for w in rest)
    if word in _NUMERIC:
        try:
            return bool(rest) and _NUMERIC[word](float(value), float(rest[0]))
        except ValueError:
            return False
    if word in _TEXTUAL:
        return bool(rest) and _TEXTUAL[word](value, rest[0])
    return value == wish


_TIED_PREFIXES = (
    "hw:numa_",
    "hw:mem_page_size",
    "hw:pmem",
    "pci_passthrough:",
    "accel:device_profile",
    "hw_numa_",
    "hw_mem_page_size",
)
_TIED_CLASSES = ("PCPU", "VGPU", "PCI_DEVICE")


def hardware(row: Row) -> Iterator[str]:
    """What ties a guest to pieces of its host: own CPUs, NUMA and page layouts, passed-through devices."""
    for source in (row.get("extra_specs", {}), row.get("image_properties", {})):
        for key, value in sorted(source.items()):
            if key.startswith(_TIED_PREFIXES):
                yield f"{key}={value}"
            if key in ("hw:cpu_policy", "hw_cpu_policy") and value in ("dedicated", "mixed"):
                yield f"{key}={value}"
            scope, _, name = key.partition(":")
            if scope.rstrip("0123456789") == "resources" and name in _TIED_CLASSES:
                yield f"{key}={value}"
    yield from (k for k, v in sorted(row.get("resources", {}).items()) if v and k in _TIED_CLASSES)
