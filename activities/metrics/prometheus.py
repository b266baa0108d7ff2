"""The one place that speaks to Prometheus, or to whatever speaks its HTTP API."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

from activities.door import Failed, LockedOut, Transient
from plan_schemas.dialect import Datasource

LARGEST = 512 * 2**20  # bytes of an answer
_AT_ONCE = 2**16  # of them
_TOLD = 300  # characters of what it says


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Whoever redirects would be handed our token for somebody else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        del req, fp, code, msg, headers, newurl


def ask(source: Datasource, query: str) -> Sequence[Any]:
    """The samples of an instant query. Raises Transient, or Failed with what to do."""
    return _samples(source, _post(source, "query", {"query": query}), "vector")


def ask_course(source: Datasource, query: str, moments: Sequence[float]) -> Sequence[Any]:
    """The samples of a query at moments that are as far from each other. Raises likewise."""
    step = moments[1] - moments[0]
    when = {"start": f"{moments[0]:.3f}", "end": f"{moments[-1]:.3f}", "step": f"{step:g}"}
    return _samples(source, _post(source, "query_range", {"query": query, **when}), "matrix")


def _post(source: Datasource, path: str, fields: Mapping[str, str]) -> bytes:
    request = urllib.request.Request(  # noqa: S310  the document's schema allows http and https alone
        f"{source.url}/api/v1/{path}", urlencode(fields).encode(), _headers(source), method="POST"
    )
    opener = urllib.request.build_opener(_NoRedirects(), urllib.request.HTTPSHandler(context=_tls(source)))
    until = time.monotonic() + source.timeout_seconds
    try:
        with opener.open(request, timeout=source.timeout_seconds) as reply:
            return _whole(source, reply, until)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(source, error.code, _rest(error), error.headers) from None
    except ssl.SSLError as error:
        raise _untrusted(source, error) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise _untrusted(source, error.reason) from None
        raise Transient(f"{_called(source)} cannot be reached: {error.reason}") from None
    except (TimeoutError, OSError, HTTPException) as error:
        said = str(error) or type(error).__name__
        raise Transient(
            f"{_called(source)} did not answer within {source.timeout_seconds:g} s: {said}"
        ) from None


def _whole(source: Datasource, reply: Any, until: float) -> bytes:
    """All of an answer, unless it is too long or drips in for longer than a query may take."""
    parts, size = [], 0
    while part := reply.read1(_AT_ONCE):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise Failed(f"{_called(source)} answers more than {LARGEST >> 20} MiB", "narrow it by `labels`")
        if time.monotonic() > until:
            raise TimeoutError("its answer came in part only")
    return b"".join(parts)


def _rest(error: urllib.error.HTTPError) -> bytes:
    """What it says beside its status, which tells enough by itself."""
    try:
        return error.read(2**16)
    except (OSError, HTTPException):
        return b""


def _samples(source: Datasource, raw: bytes, kind: str) -> Sequence[Any]:
    body = _json(raw)
    if body is None or "status" not in body:
        said = f"{_called(source)} answers no JSON of Prometheus: {_start(raw)!r}"
        raise Failed(
            said, "check the path in `url`: it goes up to /api/v1, and no login page may stand there"
        )
    if body["status"] != "success":
        raise _told(source, 200, body)
    if warnings := [str(one) for one in body.get("warnings") or ()]:
        said = f"{_called(source)} answers in part only, or warns: {'; '.join(warnings)[:_TOLD]}"
        if any(one.startswith("PromQL") for one in warnings):
            raise Failed(said, "mend the query in the datasource's document")
        raise Transient(said)
    data = body.get("data")
    if (
        not isinstance(data, Mapping)
        or data.get("resultType") != kind
        or not isinstance(data.get("result"), list)
    ):
        raise Failed(
            f"{_called(source)} answers something else than a {kind}", "mend the query, or the `url`"
        )
    result: Sequence[Any] = data["result"]
    return result


def _refusal(source: Datasource, status: int, raw: bytes, headers: Message) -> Transient | Failed:
    body = _json(raw)
    if status in (401, 403):
        said = f"{_called(source)} does not let us in ({status})"
        return LockedOut(said, "check `bearer` and `headers` in the datasource's document")
    if 300 <= status < 400:
        where = headers.get("Location", "elsewhere")
        return Failed(f"{_called(source)} redirects to {where}", "put the final address into `url`")
    if body is not None and body.get("status") == "error":
        return _told(source, status, body)
    said = f"{_called(source)} answers {status}: {_start(raw)}"
    if status >= 500 or status in (408, 425, 429):
        return Transient(said)
    return Failed(said, "check the path in `url`: it goes up to /api/v1")


def _told(source: Datasource, status: int, body: Mapping[str, Any]) -> Transient | Failed:
    """What Prometheus itself says: a bad query stays bad, whatever else may pass."""
    kind, said = str(body.get("errorType", "")), str(body.get("error", ""))[:_TOLD]
    sentence = f"{_called(source)} answers {kind or status}: {said}"
    if kind in ("bad_data", "execution", "not_found"):
        return Failed(sentence, "mend the query in the datasource's document, or in its dialect")
    return Transient(sentence)


def _headers(source: Datasource) -> dict[str, str]:
    headers = {"Accept": "application/json", **source.headers}
    if source.bearer_file:
        try:
            token = Path(source.bearer_file).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            said = f"the token of {_called(source)} cannot be read from {source.bearer_file}: {error}"
            raise Failed(said, "check the file and its permissions") from None
        headers["Authorization"] = f"Bearer {_token(source, token)}"
    elif source.bearer_environment:
        token = os.environ.get(source.bearer_environment, "")
        headers["Authorization"] = f"Bearer {_token(source, token)}"
    return headers


def _token(source: Datasource, text: str) -> str:
    token = text.strip()
    if not token or not (token.isascii() and token.isprintable()):
        place = source.bearer_file or f"the variable {source.bearer_environment}"
        raise Failed(f"{place} holds no token for {_called(source)}", "put it there, on one line")
    return token


def _tls(source: Datasource) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=source.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        said = f"the certificates of {_called(source)} cannot be read from {source.ca_file}: {error}"
        raise Failed(said, "check the file `tls.ca_file`") from None
    if not source.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _untrusted(source: Datasource, error: ssl.SSLError) -> Failed:
    remedy = "give its authority's certificate in `tls.ca_file`, and check the name in `url`"
    return Failed(f"no trusted connection to {_called(source)}: {error}", remedy)


def _called(source: Datasource) -> str:
    return f"the datasource {source.name} ({source.url})"


def _json(raw: bytes) -> Mapping[str, Any] | None:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):  # the latter of brackets in thousands of brackets
        return None
    return body if isinstance(body, dict) else None


def _start(raw: bytes) -> str:
    return " ".join(raw[:_TOLD].decode(errors="replace").split())
