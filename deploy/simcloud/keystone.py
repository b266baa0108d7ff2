"""Identity v3: discovery, tokens and the catalogue."""

from typing import Any

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.http import Call, Request, Response, Routes
from deploy.simcloud.identity import DOMAIN, Token, User
from deploy.simcloud.ids import named_hex
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.stamps import iso_z

ROUTES = Routes("/identity")
REGION = "RegionOne"
OPEN = frozenset({"/identity", "/identity/", "/identity/v3", "/identity/v3/", "/identity/v3/auth/tokens"})
SERVICES = (
    ("identity", "keystone", "/identity/v3"),
    ("compute", "nova", "/compute/v2.1"),
    ("placement", "placement", "/placement"),
)


def error_body(status: int, message: str, _request_id: str) -> dict[str, Any]:
    title = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}.get(status, "Error")
    return {"error": {"code": status, "message": message, "title": title}}


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.origin}/identity/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


@ROUTES.on("GET", "")
def versions(call: Call) -> Response:
    return Response(300, {"versions": {"values": [_version(call.request)]}})


@ROUTES.on("GET", "/v3")
def version(call: Call) -> Response:
    return Response(200, {"version": _version(call.request)})


@ROUTES.on("POST", "/v3/auth/tokens")
def authenticate(call: Call) -> Response:
    """Password or application credential; anything that does not fit is one and the same 401."""
    try:
        identity = call.body["auth"]["identity"]
        method = identity["methods"][0]
        user = _proven(call.cloud, method, identity[method])
    except (KeyError, IndexError, TypeError):
        raise Refusal(400, "Expecting to find auth.identity with methods in the request.") from None
    if user is None:
        raise Refusal(401, "The request you have made requires authentication.")
    cloud = call.cloud
    key, token = cloud.identity.issue(
        user, cloud.ids, now=cloud.now, ttl=cloud.settings.token_ttl, method=method
    )
    call.notes["user"] = user.name
    return Response(201, _token_body(call, token), {"X-Subject-Token": key})


def _proven(cloud: Cloud, method: str, proof: dict[str, Any]) -> User | None:
    """The user who could prove to be one."""
    for user in cloud.identity.users.values():
        if method == "password":
            given = proof["user"]
            if given.get("id", user.id) == user.id and given.get("name", user.name) == user.name:
                return user if given["password"] == user.password else None
        elif method == "application_credential":
            known = {one.credential_id for one in cloud.identity.users.values()}
            if "id" in proof and proof["id"] not in known:
                raise Refusal(404, f"Could not find Application Credential: {proof['id']}.")
            same = proof.get("id") == user.credential_id or (
                proof.get("name") == user.name and proof.get("user", {}).get("name") == user.name
            )
            if same:
                return user if proof["secret"] == user.secret else None
    return None


@ROUTES.on("GET", "/v3/auth/tokens")
def show_token(call: Call) -> Response:
    token = call.cloud.identity.tokens.get(call.request.headers.get("x-subject-token", ""))
    if token is None or token.expires <= call.cloud.now:
        raise Refusal(404, "Could not find token.")
    return Response(200, _token_body(call, token))


@ROUTES.on("DELETE", "/v3/auth/tokens")
def revoke_token(call: Call) -> Response:
    call.cloud.identity.tokens.pop(call.request.headers.get("x-subject-token", ""), None)
    return Response(204)


@ROUTES.on("GET", "/v3/projects")
@ROUTES.on("GET", "/v3/auth/projects")
def projects(call: Call) -> Response:
    rows = [
        {"id": key, "name": name, "domain_id": "default", "enabled": True, "is_domain": False, "links": {}}
        for name, key in call.cloud.identity.projects.items()
    ]
    return Response(
        200, {"projects": rows, "links": {"self": call.request.origin + call.request.path, "next": None}}
    )


@ROUTES.on("GET", "/v3/projects/{project}")
def project(call: Call) -> Response:
    for name, key in call.cloud.identity.projects.items():
        if key == call["project"]:
            return Response(
                200, {"project": {"id": key, "name": name, "domain_id": "default", "enabled": True}}
            )
    raise Refusal(404, f"Could not find project: {call['project']}.")


def _token_body(call: Call, token: Token) -> dict[str, Any]:
    cloud = call.cloud
    user = cloud.identity.users[token.user]
    domain = {"id": "default", "name": DOMAIN}
    return {
        "token": {
            "methods": [token.method],
            "user": {"id": user.id, "name": user.name, "domain": domain, "password_expires_at": None},
            "project": {"id": cloud.identity.projects[user.project], "name": user.project, "domain": domain},
            "is_domain": False,
            "roles": [{"id": named_hex("role", name), "name": name} for name in sorted(user.roles)],
            "audit_ids": [named_hex("audit", token.user)[:22]],
            "issued_at": iso_z(cloud, token.issued, micro=True),
            "expires_at": iso_z(cloud, token.expires, micro=True),
            "catalog": [_endpoint(call.request, *service) for service in SERVICES],
        }
    }


def _endpoint(request: Request, kind: str, name: str, path: str) -> dict[str, Any]:
    endpoints = [
        {
            "id": named_hex("endpoint", name, interface),
            "interface": interface,
            "region": REGION,
            "region_id": REGION,
            "url": request.origin + path,
        }
        for interface in ("public", "internal", "admin")
    ]
    return {"id": named_hex("service", name), "type": kind, "name": name, "endpoints": endpoints}
