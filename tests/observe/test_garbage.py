"""The cycle collector around the reading of a picture."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from activities.observe import collect
from activities.observe.garbage import gc_seldom
from tests.observe.reading import Altered, full

USUAL = gc.get_threshold()


def test_every_answer_of_the_cloud_is_read_while_cycles_are_looked_for_seldom() -> None:
    seen: list[int] = []

    def note(_: str, answer: Any) -> Any:
        seen.append(gc.get_threshold()[0] if gc.isenabled() else 0)
        return answer

    cloud = full()
    collect(Altered(cloud, note), "sim", now=cloud.moment)
    assert min(seen) >= 10 * USUAL[0]
    assert gc.get_threshold() == USUAL


def test_after_a_failure_cycles_are_looked_for_as_usual() -> None:
    with pytest.raises(LookupError), gc_seldom():
        raise LookupError
    assert gc.get_threshold() == USUAL


@pytest.mark.parametrize("last_out", [0, 1])
def test_after_two_at_once_cycles_are_looked_for_as_usual(last_out: int) -> None:
    both = [gc_seldom(), gc_seldom()]
    for one in both:
        one.__enter__()
    for one in (both[1 - last_out], both[last_out]):
        one.__exit__(None, None, None)
    assert gc.get_threshold() == USUAL


def test_cycles_are_found_even_then() -> None:
    """A cloud that answers slowly would else let the memory of the whole worker grow."""
    gc.collect()
    with gc_seldom():
        before = _searches()
        kept: list[list[int]] = [[] for _ in range(2 * gc.get_threshold()[0])]
        assert _searches() > before
    assert kept


def _searches() -> int:
    return sum(int(generation["collections"]) for generation in gc.get_stats())
