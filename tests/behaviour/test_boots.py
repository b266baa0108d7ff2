"""New servers: where they land, why they do not, and what of a request is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Row

NO_HOST = "No valid host was found. "
FIELD = "Invalid input for field/attribute "


def ended(cloud: Cloud, **order: Any) -> Row:
    """A server that was ordered and accepted, as it is when it is built or given up."""
    answer = cloud.ask_boot(**order)
    assert answer.status == 202, answer
    server = answer.body["server"]["id"]
    cloud.until(lambda: cloud.server(server)["status"] != "BUILD", f"{server} is not built")
    return cloud.server(server)


def test_a_server_lands_on_the_host_that_was_named(cloud: Cloud) -> None:
    """By the field host through the scheduler, by zone:host past it, by zone in that zone."""
    named = ended(cloud, host="cmp-005")
    assert (named["status"], named["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "cmp-005")
    forced = ended(cloud, availability_zone="az-2:cmp-002")
    assert (forced["status"], forced["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "cmp-002")
    zoned = ended(cloud, availability_zone="az-2")
    assert zoned["OS-EXT-AZ:availability_zone"] == "az-2"
    assert zoned["OS-EXT-SRV-ATTR:host"] in ("cmp-002", "cmp-004", "cmp-006")


def test_a_server_without_a_place_is_in_error_on_no_host(cloud: Cloud) -> None:
    """Accepted, then ERROR with a fault, no host and nothing in Placement."""
    view = ended(cloud, flavor="huge", host="cmp-001")
    assert (view["status"], view["OS-EXT-SRV-ATTR:host"]) == ("ERROR", None)
    assert view["fault"]["code"] == 500
    assert view["fault"]["message"].startswith(NO_HOST)
    assert cloud.allocations(view["id"]) == {}


def test_what_can_be_said_of_a_new_server_is_shown(cloud: Cloud) -> None:
    """Flavor, metadata, tags, books and the state of its host."""
    view = ended(cloud, flavor="medium", host="cmp-003", metadata={"a": "1"}, tags=["t"])
    assert {key: view["flavor"][key] for key in ("original_name", "vcpus", "ram", "disk")} == {
        "original_name": "medium",
        "vcpus": 2,
        "ram": 4096,
        "disk": 20,
    }
    assert (view["metadata"], view["tags"], view["locked"]) == ({"a": "1"}, ["t"], False)
    assert (view["host_status"], view["OS-EXT-STS:power_state"], view["progress"]) == ("UP", 1, 0)
    assert cloud.allocations(view["id"]) == {"cmp-003": {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}}
    assert [deed.action for deed in cloud.deeds(view["id"])] == ["create"]


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ({"flavorRef": "nope"}, "Flavor nope could not be found."),
        ({"host": "nowhere"}, "Compute host nowhere could not be found."),
        ({"availability_zone": "nowhere"}, "The requested availability zone is not available"),
        ({"name": ""}, FIELD + "name. Value: . '' should be non-empty"),
        ({"metadata": {"a": 1}}, FIELD + "a. Value: 1. 1 is not of type 'string'"),
        ({"min_count": 3, "max_count": 2}, "min_count must be <= max_count"),
        (
            {"group": "00000000-0000-0000-0000-000000000009"},
            "Instance group 00000000-0000-0000-0000-000000000009 could not be found.",
        ),
    ],
)
def test_an_order_that_cannot_be_is_refused(cloud: Cloud, order: dict[str, Any], text: str) -> None:
    """Nova names what is wrong, and nothing is made."""
    assert cloud.ask_boot(**order).refusal == (400, text)
    assert cloud.made == []


def test_an_order_with_too_much_or_too_little_is_refused(cloud: Cloud) -> None:
    """An unknown field, no flavor, no networks and no server at all."""
    stranger = cloud.ask_boot(foo=1)
    assert stranger.status == 400
    assert stranger.message.endswith("Additional properties are not allowed ('foo' was unexpected)")
    refused = cloud.request("POST", "/servers", {"server": {"name": "x"}})
    text = FIELD + "server. Value: {'name': 'x'}. 'flavorRef' is a required property"
    assert refused.refusal == (400, text)
    order = {"name": "x", "flavorRef": cloud.flavor("small"), "imageRef": cloud.hand.image()}
    refused = cloud.request("POST", "/servers", {"server": order})
    assert refused.status == 400
    assert refused.message.endswith("'networks' is a required property")
    refused = cloud.request("POST", "/servers", {})
    assert refused.refusal == (400, "'server' is a required property")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"nothing": None}, (400, "There is no such action: nothing")),
        ({"os-stop": None, "os-start": None}, (400, "Malformed request body")),
        ({}, (400, "Malformed request body")),
        (
            {"reboot": {"type": "x"}},
            (
                400,
                FIELD + "type. Value: x. 'x' is not one of ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']",
            ),
        ),
        ({"reboot": {}}, (400, FIELD + "reboot. Value: {}. 'type' is a required property")),
        (
            {"lock": {"x": 1}},
            (
                400,
                FIELD + "lock. Value: {'x': 1}. Additional properties are not allowed ('x' was unexpected)",
            ),
        ),
        (
            {"os-resetState": {"state": "bad"}},
            (400, FIELD + "state. Value: bad. 'bad' is not one of ['active', 'error']"),
        ),
        (
            {"os-resetState": None},
            (400, FIELD + "os-resetState. Value: None. None is not of type 'object'"),
        ),
    ],
)
def test_an_action_that_is_none_is_refused(
    cloud: Cloud, body: dict[str, Any], refusal: tuple[int, str]
) -> None:
    """Unknown verbs, two at once, none at all, and wrong parameters."""
    server = cloud.boot(host="cmp-001")
    assert cloud.request("POST", f"/servers/{server}/action", body).refusal == refusal
    assert [deed.action for deed in cloud.deeds(server)] == ["create"]


def test_a_server_nobody_has_is_not_found(cloud: Cloud) -> None:
    """By any request, whatever its id looks like."""
    for nobody in ("00000000-0000-0000-0000-000000000007", "not-a-uuid"):
        gone = (404, f"Instance {nobody} could not be found.")
        assert cloud.request("GET", f"/servers/{nobody}").refusal == gone
        assert cloud.live(nobody, "cmp-001").refusal == gone
        assert cloud.request("GET", f"/servers/{nobody}/migrations").refusal == gone
        assert cloud.request("GET", f"/servers/{nobody}/os-instance-actions").refusal == gone
    assert cloud.get("/os-migrations?instance_uuid=00000000-0000-0000-0000-000000000007") == {
        "migrations": []
    }
