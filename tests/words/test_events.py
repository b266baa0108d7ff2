"""The chain of a plan's events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from deploy import cli
from plan_schemas.events import Event, Link, complaints, sealed


def chain(count: int, source: str = "urn:ballast:c:plan/p") -> tuple[list[Event], Link]:
    events, link = [], Link()
    for number in range(count):
        event, link = sealed(
            link,
            source=source,
            subject="plan/p",
            type="action",
            time="2026-01-01T00:00:00Z",
            data={"n": number},
        )
        events.append(event)
    return events, link


@given(st.integers(1, 12), st.randoms())
def test_a_whole_chain_is_right_in_any_order_and_with_repetitions(count: int, draw: Any) -> None:
    """Events may come twice and in any order; the newest one's number and digest are told."""
    events, link = chain(count)
    mixed = [*events, *draw.choices(events, k=3)]
    draw.shuffle(mixed)
    assert complaints(mixed) == ([], {"urn:ballast:c:plan/p": link})


@given(st.integers(2, 12), st.data())
def test_what_is_missing_changed_or_put_in_is_named(count: int, data: st.DataObject) -> None:
    """One event removed, altered or forged in a chain is always found."""
    events, _ = chain(count)
    at = data.draw(st.integers(0, count - 2))
    how = data.draw(st.sampled_from(["removed", "altered", "forged"]))
    if how == "removed":
        del events[at]
        assert any(f" {at + 1}: is missing" in said for said in complaints(events)[0])
        return
    changed = {**events[at], "data": {"n": "something else"}}
    if how == "forged":  # sealed anew, by somebody who knows how
        link = Link(at, events[at]["previous"])
        of = {k: changed[k] for k in ("source", "subject", "time", "data")}
        changed, _ = sealed(link, type="action", **of)
    events[at] = changed
    found = complaints(events)[0]
    assert any("was changed" in said or "does not follow" in said for said in found)


def test_the_command_names_the_gap_and_the_wrong_head(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ballast trail` reads the files of several workers, and compares the end with what the plan says."""
    events, link = chain(4)
    parts = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    parts[0].write_text("".join(json.dumps(e) + "\n" for e in events[:3]))
    parts[1].write_text("".join(json.dumps(e) + "\n" for e in events[2:]))
    names = [str(p) for p in parts]
    assert cli.run(["trail", *names, "--head", link.head]) == 0
    assert cli.run(["trail", names[1]]) == 1
    assert "urn:ballast:c:plan/p 1: is missing" in capsys.readouterr().out
    assert cli.run(["trail", names[0], "--head", link.head]) == 1
    assert f"no chain ends with {link.head}" in capsys.readouterr().out
    parts[0].write_text("{")
    assert cli.run(["trail", names[0]]) == 1
    assert "a.jsonl:1:1: is no event" in capsys.readouterr().err.replace("  ", " ")
