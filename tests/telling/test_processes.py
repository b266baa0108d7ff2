"""What was stopped of the devcloud is told by kind: nobody reads the names of a hundred hosts."""

from __future__ import annotations

from deploy.devcloud.down import grouped


def test_processes_of_one_kind_are_counted() -> None:
    """Whatever their hosts are called; what there is one of keeps its name."""
    names = ["keystone", "nova-api", *(f"nova-compute-cmp-{n:03}" for n in range(100)), "nova-computes"]
    assert grouped(names) == "keystone, nova-api, nova-compute x 100, nova-computes"
    assert grouped(["nova-compute-alone"]) == "nova-compute"
