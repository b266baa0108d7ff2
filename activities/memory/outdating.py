"""Whatever becomes of an action: no snapshot from before its end may be taken for the present."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from activities.door import Transient
from activities.memory.keeping import Keeping

logger = logging.getLogger("ballast.outdating")


@contextmanager
def outdating(keeping: Keeping, cloud: str) -> Iterator[None]:
    """Around an action: where the change cannot be noted nothing begins; what has ended stays as it is."""
    try:
        keeping.note_change(cloud, datetime.now(UTC))
    except OSError as error:
        said = f"the store {keeping.root} cannot be written ({error}), so nothing is begun"
        raise Transient(said) from error
    try:
        yield
    finally:
        _outdate(keeping, cloud)


def _outdate(keeping: Keeping, cloud: str) -> None:
    try:
        keeping.note_change(cloud, datetime.now(UTC))
    except OSError:
        logger.exception("the store %s cannot be written", keeping.root)
        _forget(keeping, cloud)


def _forget(keeping: Keeping, cloud: str) -> None:
    try:
        keeping.forget_snapshot(cloud)
    except OSError:
        logger.exception("and the newest snapshot of %s stays there although outdated", cloud)
