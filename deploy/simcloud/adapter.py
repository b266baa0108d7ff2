"""Real openstacksdk sessions on a cloud in this process, in virtual time and without a socket."""

import io
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from deploy.simcloud import api
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.http import Request
from deploy.simcloud.http import Response as Answer
from deploy.simcloud.identity import SERVICE_USER
from deploy.simcloud.refusal import Dropped

if TYPE_CHECKING:
    from openstack.connection import Connection

ORIGIN = "http://simcloud"
# A cloud is no place for two threads at once; whoever advances one while clients run takes this, too.
LOCK = threading.RLock()


class SimAdapter(BaseAdapter):
    """Mount it on a requests session under ORIGIN; every request is answered by the state machine."""

    def __init__(self, cloud: Cloud, request_seconds: float = 0.0) -> None:
        super().__init__()
        self.cloud = cloud
        self.request_seconds = request_seconds

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the signature is that of requests
        timeout: Any = None,
        verify: bool | str = True,  # noqa: ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        asked = Request.parse(
            str(request.method),
            str(request.url),
            dict(request.headers),
            request.body,
        )
        try:
            with LOCK:
                self.cloud.advance(self.request_seconds)
                began = self.cloud.now
                answer = api.handle(self.cloud, asked)
                took = self.cloud.now - began
        except Dropped as dropped:
            raise requests.ConnectionError(str(dropped), request=request) from dropped
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        if patience is not None and took > patience:
            raise requests.ReadTimeout(f"no reply within {patience} simulated seconds", request=request)
        return _reply(request, answer)

    def close(self) -> None:
        """Nothing is open."""


def _reply(request: requests.PreparedRequest, answer: Answer) -> requests.Response:
    reply = requests.Response()
    raw = answer.raw()
    reply.status_code = answer.status
    reply.headers = CaseInsensitiveDict({**answer.headers, "Content-Length": str(len(raw))})
    reply.encoding = "utf-8"
    reply.raw = io.BytesIO(raw)
    reply.url = str(request.url)
    reply.request = request
    return reply


def session(cloud: Cloud, request_seconds: float = 0.0) -> requests.Session:
    """A requests session that reaches nothing but this cloud."""
    plain = requests.Session()
    plain.trust_env = False
    for scheme in ("http://", "https://"):
        plain.mount(scheme, SimAdapter(cloud, request_seconds))
    return plain


def connect(
    cloud: Cloud, user: str = SERVICE_USER, *, request_seconds: float = 0.0, **options: Any
) -> "Connection":
    """An openstacksdk Connection of one of the cloud's users, by application credential.

    `request_seconds` of virtual time pass with every request, so that a client which polls sees an end.
    """
    import openstack.connection
    from keystoneauth1.identity.v3 import ApplicationCredential
    from keystoneauth1.session import Session

    who = cloud.identity.users[user]
    auth = ApplicationCredential(
        f"{ORIGIN}/identity/v3",
        application_credential_id=who.credential_id,
        application_credential_secret=who.secret,
    )
    keystone = Session(auth=auth, session=session(cloud, request_seconds))
    return openstack.connection.Connection(session=keystone, region_name="RegionOne", **options)
