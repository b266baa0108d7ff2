"""The yardstick of speed: one best-fit pass over all instances, in plain numpy, as it was fixed once.

Every instance, largest first, goes to the host whose free room it fits best, by the rule that packs best of
those known (dot product over the square of the room, classes weighted by scarcity). No rules, no search:
what a decision costs is told as a multiple of this, measured in the same process.
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
    """Instances z onto hosts with f free: the largest f.z / f.f, each class in shares of the scarcer one."""
    a, b = cpus.sum() / free_cpus.sum() ** 2, memory.sum() / free_memory.sum() ** 2
    size = a * free_cpus**2 + b * free_memory**2
    dot, part = np.empty_like(size), np.empty_like(size)
    short, lacks = np.empty(len(size), bool), np.empty(len(size), bool)
    used = np.zeros(len(size), bool)
    order = np.argsort(-(a * cpus**2 + b * memory**2), kind="stable")
    for c, m in zip(cpus[order].tolist(), memory[order].tolist()):
        np.less(free_cpus, c, out=short)
        np.less(free_memory, m, out=lacks)
        np.logical_or(short, lacks, out=short)
        np.multiply(free_cpus, a * c, out=dot)
        np.multiply(free_memory, b * m, out=part)
        np.add(dot, part, out=dot)
        np.divide(dot, size, out=dot)
        np.putmask(dot, short, -1.0)
        host = int(dot.argmax())
        if short[host]:
            raise RuntimeError("an instance of the cloud fits on no host")
        free_cpus[host] -= c
        free_memory[host] -= m
        size[host] = max(1e-12, a * free_cpus[host] ** 2 + b * free_memory[host] ** 2)
        used[host] = True
    return int(used.sum())
