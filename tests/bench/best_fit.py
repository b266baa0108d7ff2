"""The yardstick of speed: one best-fit pass over all instances, in plain numpy, as it was fixed once.

Every instance, largest first, goes to the host whose free room it fits best, by the rule that packs best of
those known (dot product over the square of the room, classes weighted by scarcity). No rules, no search:
what a decision costs is told as a multiple of this, measured in the same process. It is as quick as it
can be while each instance is looked at by itself: what a host offers is divided once for each change of that
host, and hosts too full for the smallest instance are left out now and then. (Before, it took twice as long
for the same packing, and flattered all that was measured by it.)
"""

from __future__ import annotations

import time

import numpy as np

from plan_schemas.model import Cluster

TIDIED = 2_000  # instances, between two looks at which hosts are full
TINY = 1e-12


def seconds(cluster: Cluster) -> tuple[float, int]:
    """Processor time of one pass over this cloud, and how many hosts it fills."""
    hosts, instances = list(cluster.hosts.values()), list(cluster.instances.values())
    needs = np.array([[i.resources["VCPU"], i.resources["MEMORY_MB"]] for i in instances], float).T
    room = np.array([[h.capacity("VCPU"), h.capacity("MEMORY_MB")] for h in hosts], float).T
    began = time.process_time()
    chosen = best_fit(needs, room)
    return time.process_time() - began, len(np.unique(chosen))


def best_fit(needs: np.ndarray, room: np.ndarray) -> np.ndarray:
    """The host of each instance z: of those with room f, the one with the largest f.z / f.f, each class in
    shares of the scarcer one. Raises RuntimeError when one fits nowhere.
    """
    a, b = (needs.sum(axis=1) / room.sum(axis=1) ** 2).tolist()
    order = np.argsort(-(a * needs[0] ** 2 + b * needs[1] ** 2), kind="stable")
    least_cpus, least_memory = needs.min(axis=1).tolist()
    chosen = np.empty(len(order), int)
    here = np.arange(room.shape[1])  # the hosts that are still looked at
    cpus, memory = room.copy()
    size = np.maximum(TINY, a * cpus**2 + b * memory**2)
    of_cpus, of_memory = a * cpus / size, b * memory / size
    score, part, fits, holds = _buffers(len(here))
    for n, i in enumerate(order.tolist()):
        if n % TIDIED == 0:
            open_ = (cpus >= least_cpus) & (memory >= least_memory)
            here, cpus, memory, of_cpus, of_memory = (
                x[open_] for x in (here, cpus, memory, of_cpus, of_memory)
            )
            score, part, fits, holds = _buffers(len(here))
        c, m = needs[:, i].tolist()
        np.multiply(of_cpus, c, out=score)
        np.multiply(of_memory, m, out=part)
        np.add(score, part, out=score)
        np.greater_equal(cpus, c, out=fits)
        np.greater_equal(memory, m, out=holds)
        np.logical_and(fits, holds, out=fits)
        np.multiply(score, fits, out=score)
        host = int(score.argmax())
        if not fits[host]:
            raise RuntimeError("an instance of the cloud fits on no host")
        chosen[i] = here[host]
        cpus[host] -= c
        memory[host] -= m
        left = max(TINY, a * cpus[host] ** 2 + b * memory[host] ** 2)
        of_cpus[host], of_memory[host] = a * cpus[host] / left, b * memory[host] / left
    return chosen


def _buffers(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return np.empty(n), np.empty(n), np.empty(n, bool), np.empty(n, bool)
