"""What reached Nova and Placement, by their own request logs."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

LOGS = {"nova": "nova-api.log", "placement": "placement.log"}
_LINE = re.compile(r'^(\S+ \S+) \d+ INFO \S+\.requestlog \[(.*?)\] \S+ "(\w+) (\S+?)" status: (\d+)')
_ID = re.compile(r"(?<=/)([0-9a-f]{8}-[0-9a-f-]{27}|\d+)(?=/|$)")


class Request(NamedTuple):
    service: str
    moment: datetime  # when it was answered, in local time
    what: str  # method and path, ids and query left out


def between(logs: Path, user: str, since: datetime, until: datetime) -> list[Request]:
    """The requests of one user: what a service asks another one for is not Ballast's."""
    found = []
    for service, name in LOGS.items():
        with (logs / name).open(errors="replace") as lines:
            for line in lines:
                if (match := _LINE.match(line)) and user in match[2].split():
                    moment = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").astimezone()
                    if since <= moment <= until:
                        path = _ID.sub("*", match[4].split("?")[0])
                        found.append(Request(service, moment, f"{match[3]} {path}"))
    return found


def table(requests: list[Request]) -> list[str]:
    """A row for each kind of request, and the total of each service."""
    rows = Counter((one.service, one.what) for one in requests)
    totals = Counter(one.service for one in requests)
    return [
        *(f"{number:6d}  {service:<10} {what}" for (service, what), number in sorted(rows.items())),
        "total " + ", ".join(f"{service} {number}" for service, number in sorted(totals.items())),
    ]
