"""Where a plan's events go: a trail on the worker's disk, and the operator's receiver if there is one."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from activities.door import Transient

Event = dict[str, Any]
PATIENCE = 10.0  # seconds for a receiver to answer


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where CloudEvents are posted in batches (`application/cloudevents-batch+json`)."""

    url: str
    token: str = ""  # sent as a bearer token

    def take(self, events: Sequence[Event]) -> None:
        """Raises Transient when it does not take them now."""
        headers = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = json.dumps(list(events)).encode()
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310  checked in settings
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                answer.read()
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise Transient(f"the receiver of events {self.url}: {error}") from None


class Trail:
    """What a plan's outbox is emptied into."""

    def __init__(self, directory: Path, receiver: Receiver | None = None) -> None:
        self._directory, self._receiver = directory, receiver

    def publish(self, events: Sequence[Event], *, post: bool) -> None:
        """Post first: what the receiver has not taken comes again, and must not fill the trail meanwhile."""
        if post and self._receiver is not None:
            self._receiver.take(events)
        for event in events:
            path = self.path(str(event["source"]))
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(json.dumps(event, sort_keys=True) + "\n")

    def path(self, source: str) -> Path:
        """One file per run of a plan, in JSON lines."""
        return self._directory / f"{quote(source, safe='')}.jsonl"
