"""The one way to a real cloud: openstacksdk's configuration and keystoneauth's session behind the door.

One connection per cloud and process, shared by all threads. Answers are values parsed from bytes; bodies are
never logged or raised, only the one sentence in which a service says no.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from keystoneauth1 import exceptions as trouble
from keystoneauth1.adapter import Adapter
from keystoneauth1.session import TCPKeepAliveAdapter
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import ConfigException

from activities import orders, rights
from activities.answers import refusal
from activities.door import Door, Failed, Gone, LockedOut, Transient
from activities.observe import collect, listing, nova
from activities.orders import Order
from plan_schemas.model import Cluster

# Pinned per call. From 2.34 on a move that cannot be placed is accepted and fails later; from 2.68 on nothing
# can be forced past the scheduler; 2.84 tells why a step failed; 2.65 takes back a queued live migration.
_NOVA = "2.90"
CONNECTIONS = 40  # kept open to each service; a process with more threads than that says so
_TIMEOUT = 60.0  # seconds that one answer may take
_AGAIN = (429, 500, 502, 503, 504)


class Wire:
    """Raw requests to one cloud's services, with every answer judged. Safe to share between threads."""

    def __init__(self, connection: Connection) -> None:
        self._services = {
            "compute": _adapter(connection, "compute", "2.1", "2.latest"),
            "placement": _adapter(connection, "placement"),
        }
        self._session = connection.session
        self._newest: dict[str, str] = {}
        self._date: datetime | None = None
        self._admitted = False  # Keystone let us in with these credentials before
        self.locked_out = False  # and does not any more, or never did

    def get(self, service: str, path: str, microversion: str) -> bytes:
        """Reading may be repeated: small troubles are tried again here, twice."""
        return self.send(
            service,
            "GET",
            path,
            microversion,
            status_code_retries=2,
            status_code_retry_delay=0.2,
            retriable_status_codes=list(_AGAIN),
            connect_retries=1,
        )

    def send(
        self,
        service: str,
        method: str,
        path: str,
        microversion: str,
        body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> bytes:
        """One request. Raises Transient, Busy, Failed (LockedOut, Denied) or Gone."""
        options = {"connect_retries": 0, "status_code_retries": 0, "timeout": _TIMEOUT, **options}
        if body is not None:
            options["json"] = dict(body)
        plain, adapter = path.split("?")[0], self._services[service]
        try:
            answer = self._once(adapter, method, path, microversion, options)
            if answer.status_code == 401:
                # Another thread may have thrown the revoked token away first; then keystoneauth gives up. A
                # request that met 401 has done nothing, so it may be sent once more.
                answer = self._once(adapter, method, path, microversion, options)
            if answer.status_code == 401 and self._has_access_rules():
                raise rights.uncovered(service, method, plain)
        except trouble.ClientException as why:
            raise self._unanswered(f"{method} {plain}", service, why) from why
        self._admitted = True
        self._remember_date(answer.headers.get("Date"))
        if answer.status_code >= 400:
            raise refusal(service, method, plain, answer.status_code, answer.content)
        return bytes(answer.content)

    @staticmethod
    def _once(adapter: Adapter, method: str, path: str, microversion: str, options: Mapping[str, Any]) -> Any:
        return adapter.request(path, method, microversion=microversion, raise_exc=False, **options)

    def _has_access_rules(self) -> bool:
        plugin: Any = self._session.auth
        return plugin.get_access(self._session).application_credential_access_rules is not None

    def newest(self, service: str) -> str:
        """The highest microversion that the cloud speaks; asked once."""
        if service not in self._newest:
            try:
                found = self._services[service].get_endpoint_data()
            except trouble.ClientException as why:
                raise self._unanswered("discovery", service, why) from why
            newest = getattr(found, "max_microversion", None)
            if not newest:
                raise Failed(
                    f"{service} names no microversions", "check its endpoint in Keystone's catalogue"
                )
            self._newest[service] = ".".join(str(part) for part in newest)
        return self._newest[service]

    def clock(self) -> datetime | None:
        return self._date

    def user(self) -> str:
        try:
            return str(self._session.get_user_id())
        except trouble.ClientException as why:
            raise self._unanswered("authentication", "identity", why) from why

    def _unanswered(self, what: str, service: str, why: trouble.ClientException) -> Exception:
        if isinstance(why, trouble.Unauthorized):
            self.locked_out = True
        return unanswered(what, service, why, admitted=self._admitted)

    def _remember_date(self, text: str | None) -> None:
        if text:
            self._date = parsedate_to_datetime(text)


def _adapter(
    connection: Connection, service: str, lowest: str | None = None, highest: str | None = None
) -> Adapter:
    """Plain keystoneauth as clouds.yaml configures it: the SDK's own proxies cost time and share badly."""
    config = connection.config
    return Adapter(
        session=connection.session,
        service_type=config.get_service_type(service),
        service_name=config.get_service_name(service),
        interface=config.get_interface(service),
        region_name=config.get_region_name(service),
        endpoint_override=config.get_endpoint(service),
        min_version=lowest,
        max_version=highest,
    )


def unanswered(what: str, service: str, why: trouble.ClientException, *, admitted: bool) -> Exception:
    """What it means that there is no answer; keystoneauth's own text may hold addresses and bodies.

    Keystone's no to who was let in before is believed only when clouds.yaml, read again, says nothing better.
    """
    # For an application credential that was deleted Keystone says 404, not 401.
    if isinstance(why, (trouble.Unauthorized, trouble.NotFound)):
        said = f"{what}: Keystone refused our credentials ({why.http_status})"
        remedy = "put right this cloud's user, password or application credential in clouds.yaml"
        return Transient(said) if admitted else LockedOut(said, remedy)
    if isinstance(why, (trouble.EndpointNotFound, trouble.MissingAuthPlugin, trouble.AuthPluginException)):
        remedy = "check this cloud in clouds.yaml and in Keystone's catalogue"
        return Failed(f"{what}: no usable {service} endpoint or credentials", remedy)
    return Transient(f"{what}: {service} cannot be reached ({type(why).__name__})")


class OpenStackDoor:
    """Nova, as actions may use it."""

    def __init__(self, cloud: str, connection: Connection) -> None:
        self.cloud = cloud
        self.reader = Wire(connection)

    @property
    def user(self) -> str:
        return self.reader.user()

    def server(self, uuid: str) -> nova.Server:
        return nova.OneServer.model_validate_json(self._get(f"/servers/{uuid}")).row

    def requests(self, uuid: str) -> tuple[nova.Request, ...]:
        rows = nova.Requests.model_validate_json(self._get(f"/servers/{uuid}/os-instance-actions")).rows
        return tuple(sorted(rows, key=lambda r: r.started, reverse=True))

    def request(self, uuid: str, id: str) -> nova.Request:
        return nova.OneRequest.model_validate_json(self._get(f"/servers/{uuid}/os-instance-actions/{id}")).row

    def migrations(self, uuid: str) -> tuple[nova.Migration, ...]:
        rows = nova.Migrations.model_validate_json(self._get(f"/os-migrations?instance_uuid={uuid}")).rows
        return tuple(sorted(nova.shown_moves(rows), key=lambda m: (m.created, m.id), reverse=True))

    def progress(self, uuid: str) -> tuple[nova.Progress, ...]:
        return nova.ServerMigrations.model_validate_json(self._get(f"/servers/{uuid}/migrations")).rows

    def live_migrate(self, uuid: str, host: str) -> None:
        self._send(orders.live_migrate(uuid, host))

    def cold_migrate(self, uuid: str, host: str) -> None:
        self._send(orders.cold_migrate(uuid, host))

    def resize(self, uuid: str, flavor: str) -> None:
        self._send(orders.resize(uuid, flavor))

    def confirm(self, uuid: str) -> None:
        self._send(orders.confirm(uuid))

    def revert(self, uuid: str) -> None:
        self._send(orders.revert(uuid))

    def abort(self, uuid: str, migration: int) -> None:
        self._send(orders.abort(uuid, migration))

    def stop(self, uuid: str) -> None:
        self._send(orders.stop(uuid))

    def start(self, uuid: str) -> None:
        self._send(orders.start(uuid))

    def offers(self) -> tuple[nova.Offer, ...]:
        return listing.offers(self.reader, _NOVA)

    def service(self, host: str) -> nova.Service:
        answer = self._get(f"/os-services?binary=nova-compute&host={host}")
        for row in nova.Services.model_validate_json(answer).rows:
            if row.host == host:
                return row
        raise Gone(f"host {host}: Nova knows no such compute service")

    def set_service(self, service: nova.Service, status: str, reason: str | None) -> nova.Service:
        answer = self._send(orders.set_service(service.id, status, reason))
        return nova.OneService.model_validate_json(answer).row

    def _get(self, path: str) -> bytes:
        return self.reader.get("compute", path, _NOVA)

    def picture(self, hosts: frozenset[str] | None, about: str | None, *, now: datetime) -> Cluster:
        return collect(self.reader, self.cloud, now=now, hosts=hosts, about=about, max_uncertain=100.0)

    def _send(self, order: Order) -> bytes:
        return self.reader.send("compute", order.method, order.path, _NOVA, order.body)


_doors: dict[str, OpenStackDoor] = {}
_lock = threading.Lock()


def open_door(cloud: str, connections: int = CONNECTIONS) -> Door:
    """The door to a cloud of clouds.yaml, opened once per process, and again if its credentials were refused.

    Who mends them there need not restart the worker. `connections` are kept for as many threads: those of
    more are thrown away after each request. Raises Failed for an unknown cloud.
    """
    with _lock:
        if cloud not in _doors or _doors[cloud].reader.locked_out:
            _doors[cloud] = OpenStackDoor(cloud, _connect(cloud, connections))
        return _doors[cloud]


def _connect(cloud: str, connections: int) -> Connection:
    """A connection from the files alone: variables such as OS_PASSWORD must not leak into a named cloud."""
    named = {k: os.environ.get(k) for k in ("OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE")}
    try:
        config = OpenStackConfig(
            config_files=_files(named["OS_CLIENT_CONFIG_FILE"]),
            secure_files=_files(named["OS_CLIENT_SECURE_FILE"]),
            load_envvars=False,
            app_name="ballast",
        )
        region = config.get_one(cloud=cloud)
    except ConfigException as why:
        where = named["OS_CLIENT_CONFIG_FILE"] or "the usual places for clouds.yaml"
        raise Failed(f"cloud {cloud} is not configured in {where}", "name it in clouds.yaml") from why
    session = region.get_session()
    for scheme in ("http://", "https://"):
        adapter = TCPKeepAliveAdapter(pool_connections=connections, pool_maxsize=connections)
        session.session.mount(scheme, adapter)
    return Connection(config=region)


def _files(named: str | None) -> list[str] | None:
    return [named] if named else None
