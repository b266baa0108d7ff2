"""What an action expects and what it finds instead, in words that need no knowledge of our own."""

from __future__ import annotations

from activities.doing.facts import differences, told

SERVER = {"host": "a1", "status": "ACTIVE", "task_state": None, "locked": False, "flavor": "m1"}


def test_expectations_are_told_as_people_say_them() -> None:
    """Neither None nor True is a word of an operator."""
    said = ["host a1", "status ACTIVE", "no task in progress", "not locked", "flavor m1"]
    assert list(told(SERVER)) == said
    assert list(told({**SERVER, "way_back": False}))[-1] == "it cannot be resized back"
    assert list(told({"status": "enabled", "disabled_reason": None})) == [
        "status enabled",
        "disabled reason none",
    ]


def test_a_way_back_that_came_or_went_is_told_with_its_cause() -> None:
    """What changed is which flavors there are; anything else is told by its name and both values."""
    (came,) = differences({"way_back": False}, {"way_back": True})
    assert came == (
        "expected that it cannot be resized back, found that it can be resized back: other flavors are on "
        "offer by now"
    )
    (went,) = differences({"way_back": True}, {"way_back": False})
    assert went.startswith("expected that it can be resized back, found that it cannot be resized back: ")
    assert differences({"way_back": True}, {}) == ("way_back: expected yes, found none",)
    assert differences(SERVER, {**SERVER, "host": "b1", "locked": True}) == (
        "host: expected a1, found b1",
        "locked: expected no, found yes",
    )
    assert differences(SERVER, SERVER) == ()


def test_of_another_flavor_no_way_back_is_told() -> None:
    """It went because somebody resized the server, not because other flavors are on offer."""
    found = differences({**SERVER, "way_back": True}, {**SERVER, "flavor": "m2", "way_back": False})
    assert found == ("flavor: expected m1, found m2",)
