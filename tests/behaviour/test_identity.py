"""Keystone: who is let in, by what, and what becomes of a token."""

from __future__ import annotations

import uuid
from typing import Any

import openstack
import pytest

from activities.door import LockedOut
from activities.openstack import Wire
from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Answer

NOT_LET_IN = "The request you have made requires authentication."


def sign_in(cloud: Cloud, id: str, secret: str) -> tuple[Answer, str]:
    """Ask for a token by application credential; answers the reply and the token."""
    identity: dict[str, Any] = {
        "methods": ["application_credential"],
        "application_credential": {"id": id, "secret": secret},
    }
    reply = cloud.admin.identity.post(
        "/auth/tokens", json={"auth": {"identity": identity}}, authenticated=False, raise_exc=False
    )
    return Answer(reply.status_code, reply.json()), reply.headers.get("X-Subject-Token", "")


def with_token(cloud: Cloud, token: str, service: str, path: str) -> Answer:
    reply = getattr(cloud.admin, service).get(
        path, headers={"X-Auth-Token": token}, authenticated=False, raise_exc=False
    )
    return Answer(reply.status_code, reply.json())


@pytest.fixture
def credential(cloud: Cloud) -> tuple[str, str]:
    """One of the administrator's: his own where he signs in by it, otherwise a new one."""
    auth = cloud.admin.config.config["auth"]
    if "application_credential_id" in auth:
        return auth["application_credential_id"], auth["application_credential_secret"]
    path = f"/users/{cloud.admin.current_user_id}/application_credentials"
    wanted = {"application_credential": {"name": uuid.uuid4().hex}}
    made = cloud.request("POST", path, wanted, service="identity").body["application_credential"]
    return made["id"], made["secret"]


def test_an_application_credential_lets_in(cloud: Cloud, credential: tuple[str, str]) -> None:
    """The token tells by what, for which user and project, with which services, and all of them take it."""
    answer, token = sign_in(cloud, *credential)
    assert answer.status == 201
    told = answer.body["token"]
    assert told["methods"] == ["application_credential"]
    assert told["user"]["id"] == cloud.admin.current_user_id
    assert told["project"]["id"] == cloud.admin.current_project_id
    assert {row["type"] for row in told["catalog"]} >= {"compute", "placement", "identity"}
    assert with_token(cloud, token, "compute", "/servers").status == 200
    assert with_token(cloud, token, "placement", "/resource_providers").status == 200


def test_a_wrong_secret_does_not_let_in(cloud: Cloud, credential: tuple[str, str]) -> None:
    """Keystone says 401 and nothing more."""
    answer, token = sign_in(cloud, credential[0], "wrong")
    assert (answer.refusal, token) == ((401, NOT_LET_IN), "")


def test_a_credential_that_is_gone_is_not_found(cloud: Cloud) -> None:
    """Keystone says 404 here, where one would expect 401."""
    answer, _ = sign_in(cloud, "0" * 32, "any")
    assert answer.refusal == (404, f"Could not find Application Credential: {'0' * 32}.")


@pytest.mark.parametrize(("service", "path"), [("compute", "/servers"), ("placement", "/resource_providers")])
def test_a_token_that_is_none_is_refused(cloud: Cloud, service: str, path: str) -> None:
    """Every service says 401 in the same words."""
    assert with_token(cloud, "junk", service, path).refusal == (401, NOT_LET_IN)


def test_a_revoked_token_is_refused(cloud: Cloud, credential: tuple[str, str]) -> None:
    """A token revoked before a service met it is worth nothing there."""
    _, token = sign_in(cloud, *credential)
    gone = cloud.admin.identity.delete("/auth/tokens", headers={"X-Subject-Token": token}, raise_exc=False)
    assert gone.status_code == 204
    assert with_token(cloud, token, "compute", "/servers").refusal == (401, NOT_LET_IN)


@pytest.mark.parametrize("gone", [True, False])
def test_ballast_knows_when_it_is_locked_out(cloud: Cloud, credential: tuple[str, str], gone: bool) -> None:
    """Whether its credential is gone or its secret wrong: it says so at once and tries no more."""
    connection = openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth_type="v3applicationcredential",
        auth={
            "auth_url": cloud.admin.config.config["auth"]["auth_url"],
            "application_credential_id": "0" * 32 if gone else credential[0],
            "application_credential_secret": "wrong",
        },
    )
    with pytest.raises(LockedOut, match="Keystone refused our credentials"):
        Wire(connection).get("compute", "/servers", "2.90")
