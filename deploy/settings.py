"""What a worker takes from its environment; Temporal's address, TLS and keys come from its own profiles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workflows.start import TASK_QUEUE


class BadSetting(ValueError):
    """A setting that cannot be used; names it and what is expected."""


@dataclass(frozen=True, slots=True)
class Settings:
    store: Path  # directory of snapshots, large payloads and the trail
    task_queue: str = TASK_QUEUE
    threads: int = 32  # activities at once
    reject_unknown_types: bool = False  # answer for unknown workflow types; not while an old worker drains
    deployment: str = "ballast"  # the name of the Worker Deployment
    build_id: str = ""  # turns worker versioning on: a plan stays with the build that began it
    log_level: str = "INFO"
    plans: Path | None = None  # a catalogue directory of your own, beside the one of the package
    policies: Path | None = None  # Policy documents, a file or a directory
    signers: Path | None = None  # the Signers document: whose signed approvals count
    datasources: Path | None = None  # Datasource documents, a file or a directory
    events_url: str = ""  # takes CloudEvents in batches; without it only the trail in the store has them
    events_token: str = field(default="", repr=False)
    hosts: int = 1  # that have workers
    store_shared: bool = False  # whether `store` is one directory for all of them
    store_retention: int = 24  # that a large payload is kept at least after anybody stored it


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Every BALLAST_… variable of the README's table. Raises BadSetting."""
    home = Path(environment.get("XDG_STATE_HOME", "~/.local/state")).expanduser()
    build_id = _part_of_a_version(environment, "BALLAST_BUILD_ID", "")
    return Settings(
        store=Path(environment.get("BALLAST_STORE") or home / "ballast"),
        hosts=_number(environment, "BALLAST_HOSTS", 1),
        store_shared=_flag(environment, "BALLAST_STORE_SHARED", default=False),
        store_retention=_number(environment, "BALLAST_STORE_RETENTION", 24),
        task_queue=environment.get("BALLAST_TASK_QUEUE", TASK_QUEUE),
        threads=_number(environment, "BALLAST_THREADS", 32),
        # With versions no workflow of a newer type ever reaches an older worker.
        reject_unknown_types=_flag(environment, "BALLAST_REJECT_UNKNOWN_TYPES", default=bool(build_id)),
        deployment=_part_of_a_version(environment, "BALLAST_DEPLOYMENT", "ballast"),
        build_id=build_id,
        log_level=environment.get("BALLAST_LOG_LEVEL", "INFO").upper(),
        plans=_directory(environment, "BALLAST_PLANS"),
        policies=_path(environment, "BALLAST_POLICIES"),
        signers=_path(environment, "BALLAST_SIGNERS"),
        datasources=_path(environment, "BALLAST_DATASOURCES"),
        events_url=_url(environment, "BALLAST_EVENTS_URL"),
        events_token=environment.get("BALLAST_EVENTS_TOKEN", ""),
    )


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    given = environment.get(name, str(default))
    if not given.isdigit() or int(given) < 1:
        raise BadSetting(f"{name}={given!r}: expected a whole number of at least 1")
    return int(given)


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _directory(environment: Mapping[str, str], name: str) -> Path | None:
    given = environment.get(name, "")
    if given and not Path(given).is_dir():
        raise BadSetting(f"{name}={given!r}: expected a directory that exists")
    return Path(given) if given else None


def _url(environment: Mapping[str, str], name: str) -> str:
    given = environment.get(name, "")
    if given and not given.startswith(("http://", "https://")):
        raise BadSetting(f"{name}={given!r}: expected an address that begins with https:// or http://")
    return given


def _part_of_a_version(environment: Mapping[str, str], name: str, usual: str) -> str:
    """Temporal takes `:` and `.` of a deployment's name for the end of it."""
    given = environment.get(name) or usual
    if not all(c.isalnum() or c in "-_" or (c == "." and name == "BALLAST_BUILD_ID") for c in given):
        raise BadSetting(f"{name}={given!r}: expected letters, digits, - and _ (a build id may have dots)")
    return given


def _flag(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    given = (environment.get(name) or str(default)).lower()
    if given not in ("true", "false"):
        raise BadSetting(f"{name}={given!r}: expected true or false")
    return given == "true"
