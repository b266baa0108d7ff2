"""Compute services: who they are, and how they are disabled, enabled and forced down."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.clouds import Cloud

HOST = "cmp-004"
BOOLEANS = (
    "[True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', "
    "False, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no']"
)
NOTHING = "No updates were requested. Fields 'status' or 'forced_down' should be specified."
FIELD = "Invalid input for field/attribute "


def traits(cloud: Cloud, host: str) -> set[str]:
    rows = cloud.get(f"/resource_providers?name={host}", service="placement")["resource_providers"]
    found = cloud.get(f"/resource_providers/{rows[0]['uuid']}/traits", service="placement")
    return set(found["traits"])


def test_disabling_is_seen_everywhere_at_once(cloud: Cloud) -> None:
    """The answer, the listing, the hypervisor and Placement's trait all say so, the first three why."""
    answer = cloud.set_service(HOST, status="disabled", disabled_reason="why")
    assert answer.status == 200
    row = answer.body["service"]
    assert (row["status"], row["disabled_reason"], row["state"]) == ("disabled", "why", "up")
    again = cloud.service(HOST)
    assert (again["status"], again["disabled_reason"]) == ("disabled", "why")
    (hypervisor,) = cloud.get(f"/os-hypervisors/detail?hypervisor_hostname_pattern={HOST}")["hypervisors"]
    assert (hypervisor["status"], hypervisor["service"]["disabled_reason"]) == ("disabled", "why")
    assert "COMPUTE_STATUS_DISABLED" in traits(cloud, HOST)


def test_enabling_takes_the_reason_and_the_trait_away(cloud: Cloud) -> None:
    """An enabled service has no reason, and Placement no trait; a second time is no error."""
    cloud.set_service(HOST, status="disabled", disabled_reason="why")
    for _ in range(2):
        row = cloud.set_service(HOST, status="enabled").body["service"]
        assert (row["status"], row["disabled_reason"]) == ("enabled", None)
    assert "COMPUTE_STATUS_DISABLED" not in traits(cloud, HOST)


def test_disabling_without_a_reason_forgets_the_old_one(cloud: Cloud) -> None:
    """A disabled service disabled again has the reason that was given last, here none."""
    cloud.set_service(HOST, status="disabled", disabled_reason="why")
    row = cloud.set_service(HOST, status="disabled").body["service"]
    assert (row["status"], row["disabled_reason"]) == ("disabled", None)


def test_a_host_forced_down_is_down_until_that_is_taken_back(cloud: Cloud) -> None:
    """Its state follows at once, both ways; its status stays enabled."""
    row = cloud.set_service(HOST, forced_down=True).body["service"]
    assert (row["state"], row["status"], row["forced_down"]) == ("down", "enabled", True)
    assert cloud.service(HOST)["state"] == "down"
    row = cloud.set_service(HOST, forced_down=False).body["service"]
    assert (row["state"], row["forced_down"]) == ("up", False)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"status": "bad"}, FIELD + "status. Value: bad. 'bad' is not one of ['enabled', 'disabled']"),
        ({"status": 5}, FIELD + "status. Value: 5. 5 is not of type 'string'"),
        ({"x": 1}, "Additional properties are not allowed ('x' was unexpected)"),
        ({}, NOTHING),
        ({"disabled_reason": "x"}, NOTHING),
        (
            {"status": "enabled", "disabled_reason": "x"},
            "Specifying 'disabled_reason' with status 'enabled' is invalid.",
        ),
        (
            {"status": "disabled", "disabled_reason": ""},
            FIELD + "disabled_reason. Value: . '' should be non-empty",
        ),
        (
            {"status": "disabled", "disabled_reason": None},
            FIELD + "disabled_reason. Value: None. None is not of type 'string'",
        ),
        (
            {"forced_down": "maybe"},
            FIELD + f"forced_down. Value: maybe. 'maybe' is not one of {BOOLEANS}",
        ),
        ([1], "[1] is not of type 'object'"),
    ],
)
def test_a_wrong_change_is_refused_in_novas_words(cloud: Cloud, body: Any, problem: str) -> None:
    """The service is as it was."""
    before = cloud.service(HOST)
    answer = cloud.request("PUT", f"/os-services/{before['id']}", body)
    assert answer.refusal == (400, problem)
    after = cloud.service(HOST)
    assert (after["status"], after["forced_down"]) == (before["status"], before["forced_down"])


def test_only_a_compute_service_can_be_changed(cloud: Cloud) -> None:
    """What is no uuid, what nobody knows and what is another service are refused, each in its way."""
    change = {"status": "enabled"}
    assert cloud.request("PUT", "/os-services/nope", change).refusal == (400, "Invalid uuid nope")
    nobody = "00000000-0000-0000-0000-000000000001"
    missing = (404, f"Service {nobody} could not be found.")
    assert cloud.request("PUT", f"/os-services/{nobody}", change).refusal == missing
    (scheduler,) = cloud.get("/os-services?binary=nova-scheduler")["services"]
    text = "Updating a nova-scheduler service is not supported. Only nova-compute services can be updated."
    assert cloud.request("PUT", f"/os-services/{scheduler['id']}", change).refusal == (400, text)


def test_services_are_found_by_host_and_binary(cloud: Cloud) -> None:
    """Both filters narrow, an unknown host is an empty list, an unknown parameter is refused."""
    every = cloud.get("/os-services")["services"]
    computes = cloud.get("/os-services?binary=nova-compute")["services"]
    assert {row["binary"] for row in every} >= {"nova-compute", "nova-conductor", "nova-scheduler"}
    assert sorted(row["host"] for row in computes) == [f"cmp-00{number}" for number in range(1, 7)]
    (one,) = cloud.get(f"/os-services?host={HOST}")["services"]
    assert (one["binary"], one["host"], one["zone"]) == ("nova-compute", HOST, "az-2")
    assert cloud.get("/os-services?host=nowhere")["services"] == []
    unknown = "Additional properties are not allowed ('bogus' was unexpected)"
    assert cloud.request("GET", "/os-services?bogus=1").refusal == (400, unknown)


def test_who_is_no_administrator_may_not_even_look(cloud: Cloud) -> None:
    """A tenant meets 403 with the name of the right that he lacks."""
    row = cloud.service(HOST)
    look = cloud.request("GET", "/os-services", by=cloud.tenant())
    change = cloud.request("PUT", f"/os-services/{row['id']}", {"status": "disabled"}, by=cloud.tenant())
    for answer, right in ((look, "list"), (change, "update")):
        text = f"Policy doesn't allow os_compute_api:os-services:{right} to be performed."
        assert answer.refusal == (403, text)
