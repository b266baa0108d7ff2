"""The Datasource documents of a worker: a file or a directory of them, read once when it starts."""

from __future__ import annotations

from pathlib import Path

from deploy.documents import judge, load
from plan_schemas.catalog import Catalog
from plan_schemas.dialect import Datasource
from plan_schemas.problems import Invalid, Problem


def read(path: Path | None, known: Catalog, plans: Path | None = None) -> tuple[Datasource, ...]:
    """All datasources below a path in the order of their files, none without one. Raises Invalid."""
    if path is None:
        return ()
    judged = judge([path], plans)
    documents = {file: load(file).value for file in judged.files} if not judged.problems else {}
    strangers = [
        Problem(str(file), None, None, "kind", f"is {document.get('kind')}", "keep only datasources here")
        for file, document in documents.items()
        if document.get("kind") != "Datasource"
    ]
    if found := (*judged.problems, *strangers):
        raise Invalid(found)
    return tuple(Datasource.of(document, known.dialects) for _, document in sorted(documents.items()))
