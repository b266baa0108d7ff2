"""Snapshots and usage by reference: files named by their content, so that a model never enters a history."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from plan_schemas import usage as usages
from plan_schemas.model import Cluster, from_document, to_document
from plan_schemas.usage import Usage


class Lost(Exception):
    """A snapshot that is gone or was altered; a new observation is the remedy."""


@dataclass(frozen=True, slots=True)
class SnapshotStore:
    """One directory on one host. Workers on several hosts need a shared one."""

    root: Path

    def put(self, cluster: Cluster) -> str:
        """Keep a snapshot; its reference is the digest of its bytes."""
        return self._put(to_document(cluster))

    def put_usage(self, usage: Usage) -> str:
        """Keep what was measured, likewise."""
        return self._put(usages.to_document(usage))

    def _put(self, document: Mapping[str, Any]) -> str:
        raw = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        ref = hashlib.sha256(raw).hexdigest()
        target = self._path(ref)
        try:
            os.utime(target)  # or it could be old enough to be let go of
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(f".{uuid4().hex}.tmp")  # another thread may be at the same one
            partial.write_bytes(raw)
            partial.replace(target)
        return ref

    def get(self, ref: str) -> Cluster:
        """The snapshot of a reference. Raises Lost."""
        return from_document(self._get(ref))

    def usage(self, ref: str) -> Usage:
        """What was measured, by its reference. Raises Lost."""
        return usages.from_document(self._get(ref))

    def _get(self, ref: str) -> Mapping[str, Any]:
        try:
            raw = self._path(ref).read_bytes()
        except FileNotFoundError:
            raise Lost(f"snapshot {ref[:12]} is not in {self.root}; start the audit again") from None
        if hashlib.sha256(raw).hexdigest() != ref:
            raise Lost(f"snapshot {ref[:12]} in {self.root} was altered; start the audit again")
        return dict(json.loads(raw))

    def _path(self, ref: str) -> Path:
        if not (len(ref) == 64 and ref.isalnum()):
            raise Lost(f"{ref[:80]!r} is no snapshot reference")
        return self.root / ref[:2] / f"{ref}.json"
