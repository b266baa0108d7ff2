"""Who may sign approvals: Ed25519 keys as OpenSSH writes them. A worker has public ones and cannot mint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from activities.door import Failed
from plan_schemas import tokens
from plan_schemas.plan import Refused
from plan_schemas.tokens import Approval, Token

REMEDY = "let one of this worker's signers send it: ballast approve PLAN-ID --by NAME --key FILE"
KEYGEN = "make one with: ssh-keygen -t ed25519 -N '' -f FILE"


@dataclass(frozen=True)
class Signer:
    """`for_others`: a gateway that knows who asks it; anybody else signs in the own name alone."""

    key: Ed25519PublicKey
    for_others: bool = False


Signers = Mapping[str, Signer]


def public_key(text: str) -> Ed25519PublicKey:
    """The key of a line `ssh-ed25519 AAAA… comment`. Raises Failed for any other."""
    try:
        key = load_ssh_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Failed(f"this is no public key: {error}", KEYGEN) from None
    if not isinstance(key, Ed25519PublicKey):
        raise Failed("the key is not of the kind ed25519", KEYGEN)
    return key


def private_key(text: bytes) -> Ed25519PrivateKey:
    """The key of a file of ssh-keygen. Raises Failed for any other, and for one with a passphrase."""
    try:
        key = load_ssh_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Failed(f"this is no private key without a passphrase: {error}", KEYGEN) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Failed("the key is not of the kind ed25519", KEYGEN)
    return key


def sign(approval: Approval, key: Ed25519PrivateKey, *, signer: str, expires: int) -> str:
    """The token that goes with an approval."""
    return str(Token(expires, key.sign(tokens.signed_bytes(approval, expires, signer)), signer))


def verify(approval: Approval, text: str, signers: Signers, *, now: datetime | None = None) -> str:
    """Who signed the approval. Raises Refused with what is wrong with it."""
    try:
        token = tokens.parsed(text)
    except ValueError as error:
        raise Refused(str(error), REMEDY) from None
    signer = signers.get(token.signer)
    if signer is None:
        known = ", ".join(sorted(signers)) or "none; set BALLAST_SIGNERS"
        raise Refused(f"{token.signer} is no signer of this worker; its signers: {known}", REMEDY)
    try:
        signer.key.verify(token.signature, tokens.signed_bytes(approval, token.expires, token.signer))
    except InvalidSignature:
        said = (
            f"the signature of {token.signer} is not for this: plan, its digest, by, reason, actions, expiry"
        )
        raise Refused(said, "sign the plan as it is now and send exactly what was signed") from None
    if not signer.for_others and token.signer != approval.by:
        raise Refused(
            f"{token.signer} signed for {approval.by}",
            "sign in your own name, or set for_others for a gateway",
        )
    moment = (now or datetime.now(UTC)).timestamp()
    if moment >= token.expires:
        ended = datetime.fromtimestamp(token.expires, UTC)
        raise Refused(f"the approval was good until {ended:%Y-%m-%d %H:%M:%S}Z", "sign it again")
    return token.signer
