"""The Policy documents of a worker: a file or a directory of them, read once when it starts."""

from __future__ import annotations

from pathlib import Path

from deploy.documents import judge, load
from plan_schemas.policy import Policy, from_document
from plan_schemas.problems import Invalid, Problem


def read(path: Path | None) -> tuple[Policy, ...]:
    """All policies below a path, none without one. Raises Invalid with every problem of every file."""
    if path is None:
        return ()
    judged = judge([path])
    documents = {file: load(file).value for file in judged.files} if not judged.problems else {}
    strangers = [
        Problem(str(file), None, None, "kind", f"is {document.get('kind')}", "keep only policies here")
        for file, document in documents.items()
        if document.get("kind") != "Policy"
    ]
    if found := (*judged.problems, *strangers):
        raise Invalid(found)
    return tuple(from_document(document) for _, document in sorted(documents.items()))
