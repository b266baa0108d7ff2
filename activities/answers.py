"""What an error answer of a service means to us. Pure."""

from __future__ import annotations

import json

from activities import rights
from activities.door import Busy, Failed, Gone, Transient

_WORDS = 400  # how much of a refusal is passed on


def refusal(service: str, method: str, path: str, status: int, content: bytes) -> Exception:
    """The typed no of an error answer: its status decides, its own sentence explains."""
    said = _sentence(content)
    text = f"{method} {path}: {status} {said}".rstrip()
    if status == 404:
        return Gone(text)
    if status == 409:
        return Busy(text)
    if status in (401, 408, 413, 429) or status >= 500:
        return Transient(text)
    if status == 403:
        return rights.denied(service, method, path, said)
    return Failed(text, "the cloud refuses this request as it is; nothing was changed")


def _sentence(content: bytes) -> str:
    """The message of a Nova, Placement or Keystone error body; nothing of a body in another form."""
    try:
        body = json.loads(content)
    except ValueError:
        return ""
    rows = body.get("errors") if isinstance(body, dict) else None
    inner = rows[0] if isinstance(rows, list) and rows else next(iter(body.values()), None) if body else None
    text = (inner.get("message") or inner.get("detail")) if isinstance(inner, dict) else None
    return " ".join(str(text).split())[:_WORDS] if text else ""
