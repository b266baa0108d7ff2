"""A crowd of servers on a devcloud, drawn by a seed: sizes, traits, pinned zones, groups that keep apart."""

from __future__ import annotations

import random

from deploy.devcloud.guests import Guest
from deploy.devcloud.hosts import Host

FLAVORS = {  # in percent
    "small": 46,
    "medium": 28,
    "large": 14,
    "medium-ssd": 4,
    "small-not-ssd": 4,
    "large-avx2": 2,
    "medium-on-fast": 2,
}
PINNED = 0.3  # of all servers ask for their zone
GROUP, GROUPED = 4, 0.08  # members of a group that keeps apart, share of the servers that are in one


def draw(hosts: tuple[Host, ...], servers: int, seed: int) -> list[Guest]:
    """The same servers for the same seed, each on a host that may carry it; small hosts get fewer."""
    dice = random.Random(seed)
    grouped = int(servers * GROUPED) // GROUP * GROUP
    guests = []
    apart: list[Host] = []  # where the members of the group that is being filled are
    for number in range(servers):
        member = number < grouped
        apart = apart if number % GROUP else []
        flavor = "medium" if member else dice.choices(list(FLAVORS), list(FLAVORS.values()))[0]
        able = [host for host in hosts if carries(host, flavor) and host not in apart]
        host = dice.choices(able, [one.vcpus for one in able])[0]
        apart.append(host)
        group = (f"crowd-apart-{number // GROUP:02d}", "anti-affinity") if member else None
        pinned = dice.random() < PINNED
        guests.append(Guest(f"crowd-{number:04d}", flavor, host.name, host.zone, pinned, group))
    return guests


def carries(host: Host, flavor: str) -> bool:
    """Whether the flavor's extra specs let it onto the host."""
    if flavor in ("medium-ssd", "medium-on-fast"):
        return host.ssd
    if flavor == "large-avx2":
        return "HW_CPU_X86_AVX2" in host.traits
    return not (flavor == "small-not-ssd" and host.ssd)
