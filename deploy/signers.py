"""The Signers document of a worker: whose signed approvals count. Read once when it starts."""

from __future__ import annotations

from pathlib import Path

from activities.door import Failed
from activities.signers import Signer, Signers, public_key
from deploy.documents import judge, load
from plan_schemas.problems import Invalid, Problem


def read(path: Path | None) -> Signers:
    """The signers of a file, none without one. Raises Invalid with every problem."""
    if path is None:
        return {}
    if found := judge([path]).problems:
        raise Invalid(found)
    document = load(path).value
    if document.get("kind") != "Signers":
        said = f"is {document.get('kind')}"
        raise Invalid([Problem(str(path), None, None, "kind", said, "name a document of kind Signers")])
    signers, problems = {}, []
    for name, row in document["signers"].items():
        try:
            signers[name] = Signer(public_key(row["key"]), row.get("for_others", False))
        except Failed as error:
            problems.append(Problem(str(path), None, None, f"signers.{name}.key", error.reason, error.remedy))
    if problems:
        raise Invalid(problems)
    return signers
