"""What workers remember beside Temporal, in the store's directory: the newest snapshot of each cloud, since
when it is outdated, the records of finished plans, and what was told of terminated ones.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

Document = dict[str, Any]
logger = logging.getLogger("ballast.keeping")
FORGOTTEN = timedelta(days=30)  # after which a terminated plan is history, and what was told of it too
UNUSED = timedelta(days=1)  # for which a picture is kept on which no plan rests
LEFT_OVER = timedelta(days=1)  # what was begun to be written so long ago nobody goes on with


@dataclass(frozen=True, slots=True)
class Keeping:
    """One directory on one host. Workers on several hosts need a shared one."""

    root: Path

    # -- the newest snapshot of a cloud, by reference -------------------------------------------------------

    def note_snapshot(self, cloud: str, snapshot: Document) -> None:
        """A new snapshot; of two the younger stays."""
        known = self._read(self._path("newest", cloud))
        if known is None or _moment(known["collected_at"]) < _moment(snapshot["collected_at"]):
            self._write(self._path("newest", cloud), snapshot)

    def note_model(self, fingerprint: str, ref: str, until: datetime) -> None:
        """Where the picture is that plans name by its fingerprint, and until when it is kept at least."""
        known = self._read(self._path("models", fingerprint)) or {}
        if "until" in known:
            until = max(until, _moment(known["until"]))
        self._write(self._path("models", fingerprint), {"ref": ref, "until": until.isoformat()})

    def snapshot_of(self, fingerprint: str) -> str:
        """The reference of a picture by its fingerprint; empty if it was never here."""
        known = self._read(self._path("models", fingerprint))
        return str(known["ref"]) if known else ""

    def note_usage(self, audit: str, fingerprint: str, ref: str, until: datetime) -> None:
        """Where that is which an audit measured beside its picture."""
        self.note_model(f"{audit} {fingerprint}", ref, until)

    def usage_of(self, audit: str, fingerprint: str) -> str:
        """The reference of what an audit measured beside a picture; empty if it measured nothing."""
        return self.snapshot_of(f"{audit} {fingerprint}")

    def _hold(self, plan: Document, until: datetime) -> None:
        """What a plan rests on is kept as long as its record."""
        fingerprint = str(plan.get("model", {}).get("fingerprint", ""))
        for name in (fingerprint, f"{plan.get('audit', '')} {fingerprint}"):
            if ref := self.snapshot_of(name):
                self.note_model(name, ref, until)

    def note_change(self, cloud: str, at: datetime) -> None:
        """Something of this cloud was changed, or found changed: what was collected before is outdated."""
        self._write(self._path("changed", cloud), {"at": at.isoformat()})

    def forget_snapshot(self, cloud: str) -> None:
        """No snapshot that is there may stand for the present."""
        self._path("newest", cloud).unlink(missing_ok=True)

    def newest(self, cloud: str, now: datetime, max_age: float) -> Document | None:
        """The newest snapshot, unless it is too old, or known to be outdated."""
        known = self._read(self._path("newest", cloud))
        if known is None:
            return None
        taken, changed = _moment(known["collected_at"]), self._changed(cloud, now)
        if now - taken > timedelta(seconds=max_age) or (changed and changed >= taken):
            return None
        return known

    def _changed(self, cloud: str, now: datetime) -> datetime | None:
        """When it was changed last; of a memo that cannot be read that may have been just now."""
        path = self._path("changed", cloud)
        changed = self._read(path)
        if changed is not None:
            return _moment(changed["at"])
        return now if path.exists() else None

    # -- records of finished plans --------------------------------------------------------------------------

    def keep_record(self, plan_id: str, record: Document, until: datetime, now: datetime) -> None:
        """Keep a record for a while, and let go of those whose time is over."""
        folder = self.root / "records"
        self._sweep(now)
        for other in folder.glob("*.json"):
            if _until(other) < now.timestamp() or other.name.startswith(_name(plan_id)):
                other.unlink(missing_ok=True)
        self._write(folder / f"{_name(plan_id)}.{int(until.timestamp())}.json", record)
        self._hold(record.get("plan", {}), until)

    def record(self, plan_id: str, now: datetime) -> Document | None:
        """The record of a finished plan that Temporal may have forgotten."""
        for path in sorted((self.root / "records").glob(f"{_name(plan_id)}.*.json")):
            if _until(path) >= now.timestamp() and (known := self._read(path)) is not None:
                return known
        return None

    # -- what was told of terminated plans ------------------------------------------------------------------

    def teller(self, run_id: str) -> str:
        """The run of the audit that told of a terminated run of a plan; empty if none has."""
        told = self._read(self._path("told", run_id))
        return str(told["by"]) if told else ""

    def note_told(self, run_id: str, by: str) -> None:
        self._write(self._path("told", run_id), {"by": by})

    def _sweep(self, now: datetime) -> None:
        """Let go of what was told and shown of plans that are history, and of what a dead worker left."""
        for pattern, age in (
            ("told/*.json", FORGOTTEN),
            ("reviews/*.html", FORGOTTEN),
            ("*/*.tmp", LEFT_OVER),
        ):
            for path in self.root.glob(pattern):
                _let_go(path, (now - age).timestamp())

    # -- files ----------------------------------------------------------------------------------------------

    def _path(self, folder: str, name: str) -> Path:
        return self.root / folder / f"{_name(name)}.json"

    @staticmethod
    def _read(path: Path) -> Document | None:
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:  # empty or cut off: a host that died may leave that
            logger.warning("%s cannot be read and is taken for absent: %s", path, error)
            return None

    @staticmethod
    def _write(path: Path, document: Document) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{uuid4().hex}.tmp")  # another thread may be at the same one
        with partial.open("w") as file:
            file.write(json.dumps(document))
            file.flush()
            os.fsync(file.fileno())  # or the name could be there before its content
        partial.replace(path)


def _name(text: str) -> str:
    """A file name for an id of whatever characters."""
    return hashlib.sha256(text.encode()).hexdigest()


def _let_go(path: Path, before: float) -> None:
    try:
        if path.stat().st_mtime < before:
            path.unlink()
    except FileNotFoundError:  # another worker sweeps too
        return


def _until(path: Path) -> float:
    """The end of a record's time, which its file bears in its name."""
    return float(path.name.split(".")[1])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
