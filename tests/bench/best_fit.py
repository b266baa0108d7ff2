"""The yardstick of speed: one best-fit pass over all instances, in plain numpy, as it was fixed once.

Every instance, largest first, goes to the host that it leaves the least room on, of those that hold it. No
rules, no search: what a decision costs is told as a multiple of this, measured in the same process.
"""

from __future__ import annotations

import time

import numpy as np

from plan_schemas.model import Cluster


def seconds(cluster: Cluster) -> tuple[float, int]:
    """Processor time of one pass over this cloud, and how many hosts it fills."""
    hosts, instances = list(cluster.hosts.values()), list(cluster.instances.values())
    cpus = np.array([i.resources["VCPU"] for i in instances], float)
    memory = np.array([i.resources["MEMORY_MB"] for i in instances], float)
    room = [np.array([h.capacity(k) for h in hosts], float) for k in ("VCPU", "MEMORY_MB")]
    began = time.process_time()
    filled = _pass(cpus, memory, *room)
    return time.process_time() - began, filled


def _pass(cpus: np.ndarray, memory: np.ndarray, free_cpus: np.ndarray, free_memory: np.ndarray) -> int:
    a, b = 1.0 / float(free_cpus.max()), 1.0 / float(free_memory.max())
    room = a * free_cpus + b * free_memory
    enough, both, left = np.empty(len(room), bool), np.empty(len(room), bool), np.empty_like(room)
    used = np.zeros(len(room), bool)
    order = np.argsort(-(a * cpus + b * memory), kind="stable")
    for c, m in zip(cpus[order].tolist(), memory[order].tolist()):
        np.less(free_cpus, c, out=enough)
        np.less(free_memory, m, out=both)
        np.logical_or(enough, both, out=both)
        np.copyto(left, room)
        np.putmask(left, both, np.inf)
        host = int(left.argmin())
        if both[host]:
            raise SystemExit("an instance of the cloud fits on no host")
        free_cpus[host] -= c
        free_memory[host] -= m
        room[host] -= a * c + b * m
        used[host] = True
    return int(used.sum())
