"""Wherever a plan of thirty actions breaks, the start is restored, or what is not is named exactly."""

from pathlib import Path

from tests.undoing import ACTIONS, Block, run


def test_the_plan_has_thirty_actions_of_three_kinds() -> None:
    """Live and cold moves and service changes, most of which need another one."""
    uuids = {f"web-0-{group}-{n}": f"{group}{n}" for group in range(5) for n in range(1, 5)}
    rows = Block(0, uuids).actions()
    assert len(rows) == ACTIONS
    kinds = [row["parameters"].get("kind", "service") for row in rows]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"live": 10, "cold": 10, "service": 10}
    assert sum(bool(row["needs"]) for row in rows) == ACTIONS - 1


def test_failure_at_two_of_them(tmp_path: Path) -> None:
    """A host that cannot be closed, and a move of which the cloud forbids a part of the way back;
    `tests.undoing` does them all."""
    assert run(tmp_path, (7, 20)) == []
