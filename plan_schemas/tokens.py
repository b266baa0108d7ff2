"""What a signed approval says, and how it travels: the claims are the message itself, the token seals them.

A token is `v1:<expires>:<signature>:<signer>`: seconds since 1970, 128 hexadecimal digits, a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from plan_schemas.frozen import canonical

_TOKEN = re.compile(r"v1:([1-9][0-9]{0,11}):([0-9a-f]{128}):([^\n]{1,200})")


@dataclass(frozen=True, slots=True)
class Approval:
    """All that an approver puts a name to; `actions` is None for the whole plan."""

    plan: str  # workflow id
    digest: str  # of the effective plan
    by: str
    reason: str
    actions: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Token:
    expires: int
    signature: bytes
    signer: str

    def __str__(self) -> str:
        return f"v1:{self.expires}:{self.signature.hex()}:{self.signer}"


def parsed(text: str) -> Token:
    """The token of a text. Raises ValueError for anything else; two texts never are one token."""
    match = _TOKEN.fullmatch(text)
    if match is None:
        raise ValueError("the token is not one that `ballast approve` makes")
    return Token(int(match[1]), bytes.fromhex(match[2]), match[3])


def signed_bytes(approval: Approval, expires: int, signer: str) -> bytes:
    """What is signed; it begins with what it is, so that no other signature can stand for it."""
    actions = None if approval.actions is None else list(approval.actions)
    claims = {
        "plan": approval.plan,
        "digest": approval.digest,
        "by": approval.by,
        "reason": approval.reason,
        "actions": actions,
        "expires": expires,
        "signer": signer,
    }
    return b"ballast approval v1\n" + canonical(claims)
