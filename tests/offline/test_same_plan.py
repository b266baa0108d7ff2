"""An exported snapshot gives the same plan, byte for byte, wherever it is decided on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from deploy.commands import snapshot
from plan_schemas import usage
from plan_schemas.catalog import load
from plan_schemas.model import Cluster, to_document
from tests import worlds
from tests.offline.deciding import decide

STRATEGIES = sorted(load().strategies)
EACH = 6  # clouds, with an audit of every strategy on each
# Files in ASCII, and not what Python would put in its place; then UTF-8, far from Greenwich. Both locales are
# everywhere; no other is, and Python takes the first of them where one is missing.
ELSEWHERE = (
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONHASHSEED": "1", "TZ": "UTC"},
    {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4294967295", "TZ": "Pacific/Kiritimati"},
)
SEEN = (["ansi_x3.4-1968", "+0000"], ["utf-8", "+1400"])


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clouds with what was measured of them, as `ballast snapshot` writes them, and audits of each."""
    directory = tmp_path_factory.mktemp("cases")
    written: list[str] = []

    @seed(7)
    @settings(
        max_examples=EACH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds.clusters(min_hosts=8, constrained=True), st.data())
    def write(cluster: Cluster, data: st.DataObject) -> None:
        for strategy in STRATEGIES:
            audit: dict[str, Any] = data.draw(
                worlds.audits(cluster, strategy, load().strategies[strategy].parameters)
            )
            name = f"{strategy}-{len(written)}"
            document = to_document(cluster) | {"usage": usage.to_document(worlds.used(cluster))}
            exported = "".join(snapshot.text(document))
            (directory / f"{name}.snapshot.yaml").write_text(exported, encoding="utf-8")
            (directory / f"{name}.audit.yaml").write_text(json.dumps(audit), encoding="utf-8")
            written.append(name)

    write()
    return directory


@pytest.mark.parametrize(("environment", "seen"), list(zip(ELSEWHERE, SEEN)))
def test_the_environments_are_what_they_say(environment: dict[str, str], seen: list[str]) -> None:
    """A process in each of them has its own encoding of files and its own zone."""
    look = "import locale, time; print(locale.getpreferredencoding(False).lower(), time.strftime('%z'))"
    command = [sys.executable, "-c", look]
    done = subprocess.run(
        command, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == seen


def test_another_process_encoding_zone_and_hash_seed_change_no_byte(cases: Path, tmp_path: Path) -> None:
    """Of any strategy's plan, nor of what it says about what it refused."""
    here = tmp_path / "here"
    here.mkdir()
    decide(cases, here)
    expected = _bytes(here)
    for number, environment in enumerate(ELSEWHERE):
        there = tmp_path / str(number)
        there.mkdir()
        command = [sys.executable, "-m", "tests.offline.deciding", str(cases), str(there)]
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)
        assert _bytes(there) == expected
    planned = {name.rpartition("-")[0] for name in expected if name.endswith(".yaml")}
    assert planned == set(STRATEGIES), (
        "a strategy had no plan on any of the clouds: the test says nothing of it"
    )


def _bytes(directory: Path) -> dict[str, bytes]:
    """What was written, without the seconds that it took."""
    out: dict[str, bytes] = {}
    for path in sorted(directory.iterdir()):
        if path.suffix == ".yaml":
            out[path.name] = path.read_bytes()
        else:
            told = json.loads(path.read_text(encoding="utf-8"))
            out[path.name] = json.dumps({k: v for k, v in told.items() if k != "seconds"}).encode()
    return out
