"""Signed approvals: what was signed counts, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from activities.door import Failed
from activities.signers import Signer, private_key, public_key, sign, verify
from deploy import signers
from plan_schemas.plan import Refused
from plan_schemas.problems import Invalid
from plan_schemas.tokens import Approval

ANN, GATEWAY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
KNOWN = {
    "ann": Signer(ANN.public_key()),
    "bob": Signer(Ed25519PrivateKey.from_private_bytes(b"3" * 32).public_key()),
    "gateway": Signer(GATEWAY.public_key(), for_others=True),
}
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SOON = int(NOW.timestamp()) + 60
GOOD = Approval("plan/audit/x", "sha256:" + "a" * 64, "ann", "RAM swap", ("web-1", "web-2"))
texts = st.text(max_size=12)
approvals = st.builds(Approval, texts, texts, st.just("ann"), texts, st.none() | st.lists(texts, max_size=3))


def line(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def pem(key: Any) -> bytes:
    """As ssh-keygen writes a private key."""
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


@SLOW
@given(approvals)
def test_what_was_signed_is_good(approval: Approval) -> None:
    """Whatever an approval says, its own token stands for it, and names who signed."""
    token = sign(approval, ANN, signer="ann", expires=SOON)
    assert verify(approval, token, KNOWN, now=NOW) == "ann"
    token = sign(approval, GATEWAY, signer="gateway", expires=SOON)
    assert verify(approval, token, KNOWN, now=NOW) == "gateway"


@SLOW
@given(approvals, approvals)
def test_a_token_stands_for_no_other_approval(one: Approval, other: Approval) -> None:
    """Another plan, digest, reason or choice of actions is refused, however little it differs."""
    assume((*_plain(one),) != (*_plain(other),))
    with pytest.raises(Refused, match="the signature of ann is not for this"):
        verify(other, sign(one, ANN, signer="ann", expires=SOON), KNOWN, now=NOW)


def _plain(approval: Approval) -> tuple[Any, ...]:
    actions = None if approval.actions is None else tuple(approval.actions)
    return (approval.plan, approval.digest, approval.by, approval.reason, actions)


@SLOW
@given(st.data())
def test_every_altered_byte_of_a_token_is_refused(data: st.DataObject) -> None:
    """One byte changed, put in or left out: of the expiry, the signature, the name, the marks between."""
    token = sign(GOOD, ANN, signer="ann", expires=SOON)
    at = data.draw(st.integers(0, len(token) - 1))
    put = data.draw(st.characters(codec="ascii") | st.just(""))
    forged = token[:at] + put + token[at + data.draw(st.integers(0, 1)) :]
    assume(forged != token)
    with pytest.raises(Refused):
        verify(GOOD, forged, KNOWN, now=NOW)


@pytest.mark.parametrize("field", ["plan", "digest", "by", "reason", "actions"])
def test_every_field_is_bound(field: str) -> None:
    """A token of a gateway, which may sign for anybody, still stands for one message alone."""
    token = sign(GOOD, GATEWAY, signer="gateway", expires=SOON)
    changed: Any = ("web-1",) if field == "actions" else getattr(GOOD, field) + "x"
    with pytest.raises(Refused, match="is not for this"):
        verify(replace(GOOD, **{field: changed}), token, KNOWN, now=NOW)


def test_nobody_signs_for_another_and_not_for_ever() -> None:
    """A person's key is good for that person; after its time a token is refused; strangers are none."""
    eve = replace(GOOD, by="eve")
    with pytest.raises(Refused, match="ann signed for eve; sign in your own name"):
        verify(eve, sign(eve, ANN, signer="ann", expires=SOON), KNOWN, now=NOW)
    with pytest.raises(Refused, match="was good until 2026-03-01 00:00:00Z; sign it again"):
        verify(GOOD, sign(GOOD, ANN, signer="ann", expires=SOON - 60), KNOWN, now=NOW)
    with pytest.raises(Refused, match="carl is no signer of this worker; its signers: ann, bob, gateway"):
        verify(GOOD, sign(GOOD, ANN, signer="carl", expires=SOON), KNOWN, now=NOW)
    with pytest.raises(Refused, match="its signers: none; set BALLAST_SIGNERS"):
        verify(GOOD, sign(GOOD, ANN, signer="ann", expires=SOON), {}, now=NOW)
    with pytest.raises(Refused, match="the token is not one that `ballast approve` makes"):
        verify(GOOD, "yes please", KNOWN, now=NOW)


def test_keys_are_those_of_ssh_keygen() -> None:
    """What is no key, or one of another kind, is refused with the command that makes one."""
    assert private_key(pem(ANN)).public_key() == public_key(line(ANN)) == ANN.public_key()
    for wrong in (b"", b"nonsense", pem(generate_private_key(65537, 2048))):
        with pytest.raises(Failed, match="ssh-keygen -t ed25519"):
            private_key(wrong)
    with pytest.raises(Failed, match="this is no public key"):
        public_key("ssh-ed25519 AAAA")


def test_signers_are_read_with_every_problem(tmp_path: Path) -> None:
    """A worker knows the signers of its file; a key that is none is told with its place."""
    file = tmp_path / "signers.yaml"
    rows: dict[str, Any] = {"ann": {"key": line(ANN)}, "gateway": {"key": line(GATEWAY), "for_others": True}}
    document = {"ballast": "v1", "kind": "Signers", "signers": rows}
    file.write_text(yaml.safe_dump(document))
    assert signers.read(file) == {n: KNOWN[n] for n in ("ann", "gateway")}
    assert signers.read(None) == {}
    rows["ann"]["key"] = "ssh-ed25519 AAAA"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(Invalid, match=r"signers\.ann\.key.*no public key"):
        signers.read(file)
    file.write_text("{ballast: v1, kind: Policy, name: x}")
    with pytest.raises(Invalid, match="is Policy"):
        signers.read(file)
