"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MANY = 9_999 * 1024  # MiB that four digits of GiB can tell
_NAMES = {"VCPU": "vCPU", "PCPU": "pCPU", "DISK_GB": "GB disk"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")  # each 1,024 of the one before
_ORDER = {"VCPU": 0, "PCPU": 1, "MEMORY_MB": 2, "DISK_GB": 3}


def amounts(of: Mapping[str, int], *, each: bool = False) -> str:
    """Such as `4 vCPU, 8 GiB RAM, 20 GB disk`; nothing is `nothing`. `each`: also what there is none of."""
    some = sorted((k for k, v in of.items() if v or each), key=lambda k: (_ORDER.get(k, 9), k))
    return ", ".join(_amount(k, of[k]) for k in some) or "nothing"


def _amount(name: str, value: int) -> str:
    if name == "MEMORY_MB":
        return f"{value / 1024:.4g} GiB RAM" if value < _MANY else f"{size(value * 2**20)} RAM"
    return f"{value} {_NAMES.get(name, name)}"


def count(number: int, one: str, many: str = "") -> str:
    """Such as `1 host` or `3 hosts`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def beside(value: float, limit: float, digits: int = 1) -> str:
    """A number with the digits that show on which side of the limit it is: 24.98 beside 25, never 25.0."""
    while digits < 6 and (round(value, digits) < limit) != (value < limit):
        digits += 1
    return f"{value:.{digits}f}"


def some(names: list[str], most: int = 3) -> str:
    """The first few names and how many more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def size(number: float) -> str:
    """Bytes in the greatest unit of which there is one, such as `10.4 GiB` or `11.87 TiB`."""
    unit = 0
    while unit < len(_UNITS) - 1 and float(f"{number:.4g}") >= 1024:
        number, unit = number / 1024, unit + 1
    return f"{number:.4g} {_UNITS[unit]}"


def quantity(name: str, value: Any) -> str:
    """A number of a plan with the unit that its name tells; a mapping as `one 1, other 2`, or as amounts."""
    if isinstance(value, Mapping) and value and all(name.isupper() for name in value):
        return amounts(value, each=True)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {quantity(k, v)}" for k, v in value.items()) or "nothing"
    if name.endswith("_bytes"):
        return size(value)
    said = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{said} s" if name.endswith("_seconds") else said


def cost(numbers: Mapping[str, Any]) -> str:
    """What a move costs beside its time: `copies 10.4 GiB, stands still for 0.5 s`; empty for none."""
    said = []
    if numbers.get("copy_bytes"):
        said.append(f"copies {size(numbers['copy_bytes'])}")
    if numbers.get("downtime_seconds"):
        said.append(f"stands still for {numbers['downtime_seconds']:.3g} s")
    return ", ".join(said)
