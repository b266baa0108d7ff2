"""A clouds.yaml for people and programs that want to reach a served cloud."""

from typing import Any

import yaml

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.identity import DOMAIN, SERVICE_USER, User
from deploy.simcloud.keystone import REGION


def clouds_yaml(cloud: Cloud, origin: str) -> str:
    """One entry per user by application credential, and the same with a password under NAME-password."""
    clouds: dict[str, Any] = {}
    for user in cloud.identity.users.values():
        name = "simcloud" if user.name == SERVICE_USER else f"simcloud-{user.name}"
        clouds[name] = _by_credential(user, origin)
        clouds[f"{name}-password"] = _by_password(user, origin)
    return yaml.safe_dump({"clouds": clouds}, sort_keys=False)


def _common() -> dict[str, Any]:
    return {"region_name": REGION, "interface": "public", "identity_api_version": 3}


def _by_credential(user: User, origin: str) -> dict[str, Any]:
    auth = {
        "auth_url": f"{origin}/identity/v3",
        "application_credential_id": user.credential_id,
        "application_credential_secret": user.secret,
    }
    return {"auth_type": "v3applicationcredential", "auth": auth, **_common()}


def _by_password(user: User, origin: str) -> dict[str, Any]:
    auth = {
        "auth_url": f"{origin}/identity/v3",
        "username": user.name,
        "password": user.password,
        "project_name": user.project,
        "user_domain_name": DOMAIN,
        "project_domain_name": DOMAIN,
    }
    return {"auth_type": "v3password", "auth": auth, **_common()}
