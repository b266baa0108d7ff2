"""The review page of every plan that may wait for a person, in the worker's store beside its trail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import structlog

from deploy import finding
from deploy.review.content import review
from deploy.review.page import html
from plan_schemas.catalog import Catalog
from plan_schemas.plan import from_document

_LONGEST = 180  # characters of a file name that are taken from an id
logger = structlog.get_logger("ballast.pages")


def writer(store: Path, known: Catalog) -> Callable[[dict[str, Any], str], None]:
    """What writes the page of a plan document under the id of its workflow."""

    def write(document: dict[str, Any], id: str) -> None:
        plan, path = from_document(document), file(store, id)
        text = html(review(plan, *(finding.kept(plan, store) or (None,)), id=id, known=known))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{uuid4().hex}.tmp")
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        except OSError as error:  # `ballast review` makes the same page from the plan itself
            logger.warning("the review page cannot be written", plan=id, path=str(path), why=str(error))

    return write


def file(store: Path, id: str) -> Path:
    """Where the page of a plan is."""
    name = quote(id, safe="")
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}-{hashlib.sha256(id.encode()).hexdigest()[:16]}"
    return store / "reviews" / f"{name}.html"
