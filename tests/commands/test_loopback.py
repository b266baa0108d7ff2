"""The ports on which a stack's processes listen."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy import loopback

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_that_is_taken_gives_way_to_one_that_no_outgoing_connection_gets() -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        chosen = loopback.free_ports({"temporal": taken, "ui": taken})
    lowest = int(OUTGOING.read_text().split()[0])
    assert len(set(chosen.values())) == 2
    assert all(port != taken and 1024 < port < lowest for port in chosen.values())


def test_the_usual_port_is_taken_once_if_it_is_free() -> None:
    with loopback.choosing(), socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        usual = loopback.free_ports({"any": stranger.getsockname()[1]})["any"]
        chosen = loopback.free_ports({"temporal": usual, "ui": usual})
    assert chosen["temporal"] == usual != chosen["ui"]


def test_that_no_port_is_free_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        monkeypatch.setattr(loopback, "OTHERS", range(taken, taken + 1))
        with pytest.raises(OSError, match=r"no port is free on loopback for ui"):
            loopback.free_ports({"ui": taken})
