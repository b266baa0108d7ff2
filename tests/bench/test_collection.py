"""The bench of the collection compares like with like."""

from __future__ import annotations

from pathlib import Path

from tests.bench.alone import alone
from tests.bench.goals.collection import by_pages, by_sdk, collected, repeated
from tests.bench.served import served


def test_the_bare_requests_are_those_of_the_collection(tmp_path: Path) -> None:
    """The same requests bring the same bytes; the SDK lists what it is bidden, and we all servers."""
    sent = str(tmp_path / "sent.json")
    with served(6, 3) as file:
        whole, bare = alone(collected, str(file), sent), alone(repeated, str(file), sent)
        theirs, ours = (alone(by_sdk, str(file), 40)["servers"], alone(by_pages, str(file))["servers"])
    assert whole["servers"] > 40
    assert whole["requests"] > 6
    assert abs(whole["megabytes"] - bare["megabytes"]) <= 0.1
    assert (theirs, ours) == (40, whole["servers"])
