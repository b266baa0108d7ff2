"""Large payloads beside the histories: a directory of files, each workflow's in a folder of its own.

A history keeps a reference of some hundred bytes. The directory is for one host, unless all hosts with
workers share it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverSelectContext,
    StorageDriverStoreContext,
)

THRESHOLD = 64 * 1024  # bytes from which a payload is kept here
NAME = "ballast-directory"  # stands in every reference: never to be changed
# What a query answers begins with a blank, which JSON allows, and stays where it is: any client reads it.
# (Metadata as a mark would make the `temporal` command show it in base64.)
ANSWER = b" "
LARGEST_ANSWER = 1_900_000  # bytes; more than 2 MiB no server passes on


class PayloadLost(RuntimeError):
    """A payload that is gone or was altered. Never an ApplicationError: whoever needs it waits until it is
    back, and a plan must not fail without its undo because somebody removed a file."""


class Directory(StorageDriver):
    """The files below one directory: `<namespace>/<digest of the workflow's id>/<digest of the bytes>`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def name(self) -> str:
        return NAME

    def type(self) -> str:
        return "local-directory"

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        folder = self._folder(context)
        return [await asyncio.to_thread(self._put, folder, payload) for payload in payloads]

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002  the claim says it all
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        return [await asyncio.to_thread(self._get, claim) for claim in claims]

    def _folder(self, context: StorageDriverStoreContext) -> Path:
        """Of the workflow that the payload is for; it lives as long as Temporal knows that workflow."""
        target = context.target
        namespace, id = (target.namespace, target.id or "") if target else ("", "")
        folder = self.root / _namespace(namespace)
        folder = folder / hashlib.sha256(id.encode()).hexdigest()[:32]
        if not (folder / "id").exists():
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / "id", id.encode())
        return folder

    def _put(self, folder: Path, payload: Payload) -> StorageDriverClaim:
        raw = payload.SerializeToString(deterministic=True)
        digest = hashlib.sha256(raw).hexdigest()
        path = folder / digest
        if path.exists():
            os.utime(path)  # its age counts from the last time that somebody referred to it
        else:
            _write(path, raw)
        return StorageDriverClaim({"key": path.relative_to(self.root).as_posix(), "sha256": digest})

    def _get(self, claim: StorageDriverClaim) -> Payload:
        key = claim.claim_data["key"]
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise PayloadLost(f"payload {key!r} is no file of {self.root}")
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            raise PayloadLost(
                f"payload {key} is not in {self.root}; bring it back from a backup: whoever needs it waits"
            ) from None
        if hashlib.sha256(raw).hexdigest() != claim.claim_data["sha256"]:
            raise PayloadLost(f"payload {key} in {self.root} was altered; bring it back from a backup")
        return Payload.FromString(raw)


def _write(path: Path, raw: bytes) -> None:
    """Whole or not at all, and on the disk before anything refers to it."""
    partial = path.with_name(f"{path.name}.{uuid4().hex}.tmp")  # another thread may be at the same one
    with partial.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def storage(root: Path, *, keeps: bool) -> ExternalStorage:
    """Workers keep large payloads here. Their clients only read: nobody else sees the disk of a laptop."""
    vault = Directory(root)

    def select(context: StorageDriverSelectContext, payload: Payload) -> StorageDriver | None:  # noqa: ARG001
        inline = payload.data.startswith(ANSWER) and payload.ByteSize() <= LARGEST_ANSWER
        return vault if keeps and not inline else None

    return ExternalStorage(drivers=[vault], driver_selector=select, payload_size_threshold=THRESHOLD)


def usual_root() -> Path:
    """Where workers keep what they keep: BALLAST_STORE, or a directory of the user's."""
    home = Path(os.environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser()
    return Path(os.environ.get("BALLAST_STORE") or home / "ballast")


def folders(root: Path, namespace: str) -> list[tuple[str, Path]]:
    """Of every workflow of a namespace that anything was kept for: its id, and where."""
    below = root / _namespace(namespace)
    return [((f / "id").read_text(), f) for f in sorted(below.glob("*")) if (f / "id").exists()]


def _namespace(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]
