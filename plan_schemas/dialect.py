"""How a kind of datasource is asked (datasources/<name>.yaml), and one that an operator has (Datasource)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from plan_schemas import queries
from plan_schemas.complaints import nearest
from plan_schemas.frozen import EMPTY, FrozenDict, freeze
from plan_schemas.patterns import danger
from plan_schemas.problems import Findings, quoted
from plan_schemas.schema import seconds
from plan_schemas.units import possible

_DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Naming:
    """How a series says whose it is."""

    label: str
    match: str = ""  # a regular expression; its group is the name
    strip_port: bool = False
    short_names: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """How one metric is asked for, of all subjects at once."""

    query: Mapping[str, str]  # mean | max | min -> template
    newest: str  # template
    unit: str  # of the answer


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    summary: str
    subjects: Mapping[str, Naming]  # host | instance
    metrics: Mapping[str, Question]
    resolution: float  # seconds that always have two samples

    @classmethod
    def of(cls, name: str, row: Mapping[str, Any]) -> Dialect:
        """The dialect of a valid file."""
        return cls(name, row["summary"], _namings(row), _questions(row), seconds(row["resolution"]))


@dataclass(frozen=True, slots=True)
class Datasource:
    """One that an operator has, with the words of its dialect wherever its document has none of its own."""

    name: str
    url: str  # up to /api/v1
    subjects: Mapping[str, Naming]
    metrics: Mapping[str, Question]
    resolution: float = 300.0  # seconds of each window of a course
    clouds: tuple[str, ...] = ()  # empty: all
    timeout_seconds: float = 30.0
    ca_file: str = ""
    verify: bool = True
    bearer_file: str = ""
    bearer_environment: str = ""
    headers: Mapping[str, str] = EMPTY
    labels: Mapping[str, str] = EMPTY

    @classmethod
    def of(cls, document: Mapping[str, Any], dialects: Mapping[str, Dialect]) -> Datasource:
        """The datasource of a valid document."""
        dialect, tls, bearer = (
            dialects[document["dialect"]],
            document.get("tls", {}),
            document.get("bearer", {}),
        )
        return cls(
            name=document["name"],
            url=document["url"].rstrip("/"),
            subjects=FrozenDict({**dialect.subjects, **_namings(document)}),
            metrics=FrozenDict({**dialect.metrics, **_questions(document)}),
            resolution=seconds(document["resolution"]) if "resolution" in document else dialect.resolution,
            clouds=tuple(document.get("clouds", ())),
            timeout_seconds=seconds(document.get("timeout", 30)),
            ca_file=tls.get("ca_file", ""),
            verify=tls.get("verify", True),
            bearer_file=bearer.get("file", ""),
            bearer_environment=bearer.get("environment", ""),
            headers=freeze(document.get("headers", {})),
            labels=freeze(document.get("labels", {})),
        )


def check(row: Mapping[str, Any], metrics: Mapping[str, str], found: Findings) -> None:
    """What is wrong with a dialect or a datasource beyond its form; `metrics` are all there are, by unit."""
    _check_address(row, found)
    if "resolution" in row and not 1 <= seconds(row["resolution"]) <= _DAY:
        found.add(("resolution",), f"is {row['resolution']}, no time to look at", "take 1s to a day")
    for kind, naming in row.get("subjects", {}).items():
        if "match" in naming and (said := _mismatch(naming["match"])):
            found.add(("subjects", kind, "match"), said, r"write one group, as in ^(cmp-\d+)")
    for name, question in row.get("metrics", {}).items():
        if name not in metrics:
            found.add(
                ("metrics", name), f"there is no metric {quoted(name)}", nearest(name, metrics, "known")
            )
        for path, template in _templates(question):
            for said in queries.problems(template):
                found.add(("metrics", name, *path), said, "docs/metrics.md says how queries are written")
        if name in metrics and question["unit"] not in (known := possible(metrics[name])):
            said = f"{name} is in {metrics[name]}, which {question['unit']} cannot become"
            found.add(("metrics", name, "unit"), said, f"take one of {', '.join(known)}")
    for label, value in row.get("labels", {}).items():
        try:
            queries.quoted(value)
        except queries.NotThere as error:
            found.add(("labels", label), str(error), "write the value without them")


def _check_address(row: Mapping[str, Any], found: Findings) -> None:
    if "url" in row and (said := _uncallable(row["url"])):
        found.add(("url",), said, "check its host and port")
    elif "bearer" in row and (host := _overheard(row["url"])):
        remedy = "take an https address, or one of this host itself"
        found.add(("bearer",), f"would go to {host} over plain http, where anybody reads it", remedy)


def _uncallable(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError as error:
        return f"cannot be called: {error}"
    return None


def _overheard(url: str) -> str:
    """The host that a plain http request goes to over a network; empty for none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:  # a name
        is_here = host == "localhost" or host.endswith(".localhost")
    return host if parts.scheme == "http" and not is_here else ""


def _templates(question: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    yield from ((("query", kind), text) for kind, text in question["query"].items())
    yield ("newest",), question["newest"]


def _mismatch(pattern: str) -> str | None:
    return danger(pattern) or (None if re.compile(pattern).groups == 1 else "has not exactly one group")


def _namings(row: Mapping[str, Any]) -> Mapping[str, Naming]:
    return FrozenDict({kind: Naming(**naming) for kind, naming in row.get("subjects", {}).items()})


def _questions(row: Mapping[str, Any]) -> Mapping[str, Question]:
    return FrozenDict(
        {
            name: Question(freeze(one["query"]), one["newest"], one["unit"])
            for name, one in row.get("metrics", {}).items()
        }
    )
