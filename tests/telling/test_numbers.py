"""Amounts are written as operators write them: in the greatest unit that fits, and never with an exponent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.words import amounts, quantity, size
from plan_schemas.plan import Bound

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@given(st.integers(0, 2**63))
def test_a_size_says_what_it_is(number: int) -> None:
    """Within the four digits that it has, below 1,024 of its unit, in plain digits."""
    digits, unit = size(number).split(" ")
    assert re.fullmatch(r"\d+(\.\d+)?", digits)
    assert float(digits) < 1024
    assert float(digits) >= 1 or unit == "B"
    assert float(digits) * 1024 ** UNITS.index(unit) == pytest.approx(number, rel=0.0005)


@pytest.mark.parametrize(
    ("number", "said"),
    [(512 * 2**20, "512 MiB"), (10.4 * 2**30, "10.4 GiB"), (12_000 * 2**30, "11.72 TiB"), (0, "0 B")],
)
def test_sizes_as_a_plan_tells_them(number: float, said: str) -> None:
    """What all moves of a plan copy can be many TiB."""
    assert quantity("copy_bytes", number) == said


def test_resources_are_told_with_their_units_and_other_mappings_by_name() -> None:
    """A host that is full by then says so."""
    left = {"DISK_GB": 940, "MEMORY_MB": 58_880, "VCPU": 0}
    assert quantity("free_after", left) == "0 vCPU, 57.5 GiB RAM, 940 GB disk"
    assert quantity("load", {"cpu_seconds": 2.5, "moves": 3}) == "cpu_seconds 2.5 s, moves 3"
    assert quantity("load", {}) == "nothing"


@given(st.integers(1, 2**40))
def test_memory_is_never_written_with_an_exponent(mib: int) -> None:
    """Whatever a host has: in GiB as long as four digits tell it, beyond that in what is greater."""
    said = amounts({"MEMORY_MB": mib})
    assert re.fullmatch(r"\d+(\.\d+)? (GiB|TiB|PiB|EiB) RAM", said)
    assert amounts({"MEMORY_MB": 1536 * 1024}) == "1536 GiB RAM"


@pytest.mark.parametrize(
    ("bound", "value", "said"),
    [(4.0, 5.0, "25.00%"), (4.0, 4.0, "0.00%"), (0.0, 3.86503, "3.865 from 0"), (0.0, 0.0, "0.00%")],
)
def test_the_way_from_a_bound_is_a_part_of_it_unless_that_is_nothing(
    bound: float, value: float, said: str
) -> None:
    """A deviation of 3.9 points where 0 may be possible is not 390 %."""
    assert Bound("deviation_cpu", bound, value, "lower").distance == said
