"""The cycle collector around the reading of a picture."""

from __future__ import annotations

import gc

import pytest

from activities.observe.garbage import gc_paused


@gc_paused()
def _fails() -> None:
    assert not gc.isenabled()
    raise LookupError("cut off")


def test_the_collector_rests_while_a_picture_is_read_and_runs_again_after_a_failure() -> None:
    with pytest.raises(LookupError, match="cut off"):
        _fails()
    assert gc.isenabled()


@pytest.mark.parametrize("first_out", [0, 1])
def test_pauses_that_overlap_end_in_any_order_with_the_collector_running(first_out: int) -> None:
    pauses = [gc_paused(), gc_paused()]
    for pause in pauses:
        pause.__enter__()
    assert not gc.isenabled()
    for pause in (pauses[first_out], pauses[1 - first_out]):
        pause.__exit__(None, None, None)
    assert gc.isenabled()
