"""The cycle collector around the reading of a picture."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from activities.observe import collect
from activities.observe.garbage import gc_paused
from tests.observe.reading import Altered, full


def test_no_answer_of_the_cloud_is_read_while_the_collector_runs() -> None:
    searched: list[bool] = []

    def note(_: str, answer: Any) -> Any:
        searched.append(gc.isenabled())
        return answer

    cloud = full()
    collect(Altered(cloud, note), "sim", now=cloud.moment)
    assert searched
    assert not any(searched)
    assert gc.isenabled()


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


def test_a_pause_that_ends_while_another_begins_leaves_no_collector_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a worker that collects two clouds at once might never search for cycles again."""
    first, second = gc_paused(), gc_paused()
    first.__enter__()
    ends = threading.Thread(target=first.__exit__, args=(None, None, None))
    ask = gc.isenabled

    def interrupted() -> bool:
        found = ask()
        ends.start()
        ends.join(0.2)
        return found

    monkeypatch.setattr(gc, "isenabled", interrupted)
    second.__enter__()
    monkeypatch.undo()
    ends.join()
    second.__exit__(None, None, None)
    assert gc.isenabled()
