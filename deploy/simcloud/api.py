"""The one way in: faults, identity, microversion, the service itself, and the journal."""

import re
from dataclasses import dataclass
from email.utils import format_datetime
from types import ModuleType
from typing import Any

from deploy.simcloud import (
    control,
    exporter,
    keystone,
    nova,
    nova_aggregates,
    nova_catalogue,
    nova_history,
    nova_hosts,
    nova_migrations,
    nova_quotas,
    nova_server_actions,
    nova_server_orders,
    nova_server_parts,
    nova_server_view,
    nova_servers,
    nova_services,
    placement,
    placement_candidates,
    placement_names,
    prometheus,
)
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.faults import ApiFault, Treatment
from deploy.simcloud.http import Call, Malformed, Request, Response, Routes, Version
from deploy.simcloud.identity import Caller
from deploy.simcloud.journal import redacted
from deploy.simcloud.refusal import Dropped, Refusal

# Named so that importing them, which fills their services' routes, has a reader.
RESOURCES = (
    nova_aggregates,
    nova_catalogue,
    nova_history,
    nova_hosts,
    nova_migrations,
    nova_quotas,
    nova_server_actions,
    nova_server_orders,
    nova_server_parts,
    nova_servers,
    nova_services,
    placement_candidates,
    placement_names,
)
SERVICES: dict[str, ModuleType] = {"identity": keystone, "compute": nova, "placement": placement}
_SERVER = re.compile(r"/servers/([0-9a-fA-F-]{36})")
_NOBODY = Caller("", "", "", frozenset())
_FIRST: Version = (3, 0)


@dataclass
class Exchange:
    """One request on its way; a face calls arrive, process and leave, and waits in between as it is told."""

    cloud: Cloud
    request: Request
    treatment: Treatment
    request_id: str = ""
    seq: int = 0

    @classmethod
    def arrive(cls, cloud: Cloud, request: Request) -> "Exchange":
        """Meet the faults. The control paths meet none."""
        if request.path.startswith(control.PREFIX):
            return cls(cloud, request, Treatment())
        server = _server_of(request)
        treatment = cloud.faults.treat(
            cloud.ids.api_dice,
            request.method,
            request.path,
            request.action,
            server,
            _hosts_of(cloud, request, server),
            _is_busy(cloud, server),
        )
        return cls(cloud, request, treatment)

    def process(self) -> Response:
        """Take effect, and say so in the journal before anybody hears of it."""
        if self.request.path.startswith(control.PREFIX):
            response = control.handle(self.cloud, self.request)
            if self.request.method != "GET":
                self.cloud.journal.remember()
            return response
        self.request_id = f"req-{self.cloud.ids.uuid()}"
        if self.treatment.revoke:
            self.cloud.identity.revoke_all()
        line = _line(self)
        response = self._answer(line)
        response.headers |= {
            "x-openstack-request-id": self.request_id,
            "x-compute-request-id": self.request_id,
            "Content-Type": "text/plain; version=0.0.4" if response.text else "application/json",
            # The cloud's own time, not that of the machine: clients measure the difference by it.
            "Date": format_datetime(self.cloud.moment, usegmt=True),
        }
        line |= {"status": response.status, "accepted": response.status < 400}
        if line["accepted"] and self.request.method != "GET" and not _is_metrics(self.request):
            server = line["server"]
            self.cloud.faults.note_write(server, _hosts_of(self.cloud, self.request, server))
        line["server_after"] = _server_state(self.cloud, line["server"])
        self.cloud.journal.write(line)
        return response

    def leave(self, *, replied: bool) -> None:
        """The reply went out, or the connection was cut."""
        if self.seq:
            event = "replied" if replied else "dropped"
            wall = self.cloud.journal.wall
            line = {
                "seq": self.seq,
                "event": event,
                "wall_time": None if wall is None else wall(),
                "sim_time": round(self.cloud.now, 3),
            }
            self.cloud.journal.write(line)

    def held(self, fault: ApiFault) -> None:
        """Its client waits until somebody lets go, or for ever."""
        wall = self.cloud.journal.wall
        self.cloud.journal.write(
            {
                "seq": self.seq or self.cloud.journal.count,
                "event": "held",
                "wall_time": None if wall is None else wall(),
                "sim_time": round(self.cloud.now, 3),
                "faults": [fault.id],
            }
        )

    def refuse(self) -> None:
        """The connection is cut before anybody looked at the request."""
        line = _line(self)
        line |= {"event": "refused", "status": None, "accepted": False}
        self.cloud.journal.write(line)

    def _answer(self, line: dict[str, Any]) -> Response:
        if _is_metrics(self.request):
            if (fault := self.treatment.answer) is not None:
                return Response(fault.status, {"error": fault.message or "A planted fault answers."})
            if self.request.path.startswith(exporter.PREFIX):
                return exporter.handle(self.cloud, self.request)
            return prometheus.handle(self.cloud, self.request)
        service = SERVICES.get(self.request.path.split("/")[1] if "/" in self.request.path else "")
        if service is None:
            return Response(404, {"error": {"code": 404, "message": "no service has this path"}})
        headers: dict[str, str] = {}
        try:
            version = _version(service, self.request)
            headers = _headers(service, version)
            line["microversion"] = f"{version[0]}.{version[1]}"
            response = self._dispatch(service, version, line)
        except Refusal as refusal:
            line["reason"] = refusal.message
            line["migration"] = refusal.migration or line["migration"]
            # Whoever is not let in meets the same gate-keeper everywhere.
            voice = keystone if refusal.status == 401 else service
            body = voice.error_body(refusal.status, refusal.message, self.request_id)
            response = Response(refusal.status, body, dict(refusal.headers))
        response.headers = headers | response.headers
        return response

    def _dispatch(self, service: ModuleType, version: Version, line: dict[str, Any]) -> Response:
        fault = self.treatment.answer
        if fault is not None:
            after = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            raise Refusal(fault.status, fault.message or "A planted fault answers.", after)
        routes: Routes = service.ROUTES
        by = self._caller(service)
        line["user"] = by.user_name
        if self.request.body is Malformed:
            raise Refusal(400, "Malformed request body")
        handler, arguments = routes.find(
            self.request.method, self.request.path[len(routes.prefix) :].rstrip("/")
        )
        call = Call(self.cloud, self.request, by, version, arguments)
        try:
            return handler(call)
        finally:
            line |= call.notes

    def _caller(self, service: ModuleType) -> Caller:
        if self.request.path in service.OPEN:
            return _NOBODY
        caller = self.cloud.identity.caller(
            self.request.headers.get("x-auth-token", ""), self.cloud.now, self.request_id
        )
        if caller is None:
            realm = {"WWW-Authenticate": f'Keystone uri="{self.request.origin}/identity"'}
            raise Refusal(401, "The request you have made requires authentication.", realm)
        return caller


def _is_metrics(request: Request) -> bool:
    return request.path.startswith((f"{prometheus.PREFIX}/", f"{exporter.PREFIX}/"))


def handle(cloud: Cloud, request: Request) -> Response:
    """The whole exchange in virtual time; raises Dropped where a connection would be cut."""
    exchange = Exchange.arrive(cloud, request)
    if exchange.treatment.refuse:
        exchange.refuse()
        raise Dropped(processed=False)
    if exchange.treatment.latency:
        cloud.advance(exchange.treatment.latency)
    response = exchange.process()
    if exchange.treatment.delay_reply:
        cloud.advance(exchange.treatment.delay_reply)
    exchange.leave(replied=not exchange.treatment.drop_reply)
    if exchange.treatment.drop_reply:
        raise Dropped(processed=True)
    return response


def _version(service: ModuleType, request: Request) -> Version:
    if service is keystone:
        return _FIRST
    name = "compute" if service is nova else "placement"
    version: Version = nova.negotiate(request, name, service.MIN, service.MAX)
    return version


def _headers(service: ModuleType, version: Version) -> dict[str, str]:
    return {} if service is keystone else dict(service.version_headers(version))


def _server_of(request: Request) -> str | None:
    match = _SERVER.search(request.path)
    return None if match is None else match.group(1)


def _hosts_of(cloud: Cloud, request: Request, server: str | None) -> set[str]:
    """Hosts a request is about: where its server is, and whichever its query or body names."""
    named: set[str | None] = {request.query.get("host")}
    instance = cloud.instances.get(server or "")
    if instance is not None:
        named.add(instance.host)
    for given in request.body.values() if isinstance(request.body, dict) else ():
        if isinstance(given, dict) and isinstance(given.get("host"), str):
            named.add(given["host"])
    service = request.path.rpartition("/")[2]
    named |= {cloud.host_by_service.get(service), cloud.host_by_uuid.get(service)}
    return {name for name in named if name is not None}


def _line(exchange: Exchange) -> dict[str, Any]:
    cloud, request = exchange.cloud, exchange.request
    exchange.seq = cloud.journal.next_seq()
    server = _server_of(request)
    return {
        "seq": exchange.seq,
        "event": "processed",
        "wall_time": None if cloud.journal.wall is None else cloud.journal.wall(),
        "moment": cloud.moment.isoformat(),
        "sim_time": round(cloud.now, 3),
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "action": request.action,
        "server": server,
        "body": redacted(request.body) if request.body is not Malformed else "malformed",
        "microversion": None,
        "user": None,
        "request_id": exchange.request_id,
        "migration": None,
        "server_before": _server_state(cloud, server),
        **({"faults": exchange.treatment.struck} if exchange.treatment.struck else {}),
    }


def _is_busy(cloud: Cloud, server: str | None) -> bool:
    instance = cloud.instances.get(server or "")
    return instance is not None and instance.task_state is not None


def _server_state(cloud: Cloud, server: str | None) -> dict[str, Any] | None:
    """Where the server stood at that moment: what a judge wants to see beside the request."""
    instance = cloud.instances.get(server or "")
    if instance is None:
        return None
    return {
        "host": instance.host,
        "status": nova_server_view.status(instance),
        "task_state": instance.task_state,
    }
