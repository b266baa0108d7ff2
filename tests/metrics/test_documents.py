"""What a Datasource may say, and what of it is refused with its place, long before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import datasources
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.dialect import Datasource
from plan_schemas.problems import Invalid

DOCUMENT: dict[str, Any] = {
    "ballast": "v1",
    "kind": "Datasource",
    "name": "d",
    "dialect": "libvirt",
    "url": "https://metrics.example.org/a/b",
}
QUESTION = {"query": {"mean": "x{${labels}}"}, "newest": "timestamp(x{${labels}})", "unit": "percent"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"dialect": "librivt"}, 'dialect: there is no dialect "librivt"; did you mean "libvirt"?'),
        ({"url": "https://h/x?query=1"}, "url: is "),
        ({"url": "https://user:secret@h/x"}, "url: is "),
        ({"url": "file:///etc/passwd"}, "url: is "),
        ({"url": "http://h:port/x"}, "url: cannot be called: Port could not be cast"),
        ({"url": "http://[::1/x"}, "url: cannot be called: Invalid IPv6 URL"),
        ({"url": "http://a..b/x"}, "url: cannot be called: "),
        ({"headers": {"Authorization": "Bearer x"}}, "cannot be a key; expected the name of a header that"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "headers.X-A: is "),
        ({"bearer": {"file": "f", "environment": "E"}}, "bearer: "),
        ({"bearer": {"token": "s3cret"}}, "bearer.token: unknown key"),
        ({"labels": {"a-b": "c"}}, "cannot be a key; expected the name of a label"),
        ({"labels": {"a": "b\nc"}}, "labels.a: 'b\\nc' has characters that cannot be"),
        (
            {"subjects": {"host": {"label": "x", "match": "(a+)+"}}},
            "subjects.host.match: repeats what itself",
        ),
        ({"subjects": {"host": {"label": "x", "match": "abc"}}}, "match: has not exactly one group"),
        ({"metrics": {"host_cpu_usages": QUESTION}}, 'did you mean "host_cpu_usage"?'),
        (
            {"metrics": {"host_cpu_usage": {**QUESTION, "newest": 'x{a="${labels}"}'}}},
            "metrics.host_cpu_usage.newest: ${labels} may stand only last between braces",
        ),
        ({"metrics": {"host_cpu_usage": {**QUESTION, "unit": "furlong"}}}, "metrics.host_cpu_usage.unit: is"),
        (
            {"metrics": {"host_cpu_usage": {**QUESTION, "unit": "GiB"}}},
            "host_cpu_usage is in percent, which GiB cannot become; take one of percent, ratio, cores",
        ),
        (
            {"metrics": {"host_ram_usage": {**QUESTION, "unit": "cores"}}},
            "host_ram_usage is in MiB, which cores cannot become; take one of B, KiB, MB, MiB, GiB",
        ),
        (
            {"bearer": {"file": "f"}, "url": "http://h.example.org/x"},
            "bearer: would go to h.example.org over",
        ),
        ({"bearer": {"file": "f"}, "url": "http://10.0.0.1:9090"}, "over plain http, where anybody reads it"),
        ({"resolution": 0.5}, "resolution: is 0.5, no time to look at; take 1s to a day"),
    ],
)
def test_what_a_document_gets_wrong_is_told(more: dict[str, Any], said: str) -> None:
    """Unknown names, unsafe addresses and headers, secrets in it, templates with holes elsewhere."""
    told = [str(problem) for problem in admit.problems({**DOCUMENT, **more}, load())]
    assert any(said in one for one in told), told


@pytest.mark.parametrize(
    "url", ["https://h/x", "http://localhost:9090", "http://127.0.0.9:9090/x", "http://[::1]:9090"]
)
def test_a_token_goes_over_tls_or_stays_on_this_host(url: str) -> None:
    """Nobody on a network reads it."""
    assert admit.problems({**DOCUMENT, "url": url, "bearer": {"environment": "E"}}, load()) == ()


SNAPSHOT: dict[str, Any] = {
    "ballast": "v1",
    "kind": "Snapshot",
    "cloud": "c",
    "collected_at": "2026-01-01T00:00:00Z",
    "hosts": [],
    "instances": [],
}
AT = {"at": "2026-01-01T00:00:00Z", "values": {}}
UNEVEN = {"instance_cpu_usage": {"window": 60, "values": {"a": [1, None], "b": [1]}}}
WORDS = {"instance_cpu_usage": {"window": 60, "values": {"a": [1, "two"]}}}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"collected_at": "2026-02-30T00:00:00Z"},
            "collected_at: 2026-02-30T00:00:00Z is no time; there is no",
        ),
        ({"usage": {**AT, "at": "2026-01-01T25:00:00Z"}}, "usage.at: 2026-01-01T25:00:00Z is no time"),
        ({"usage": {**AT, "values": {"host_cpu_usages": {}}}}, 'did you mean "host_cpu_usage"?'),
        (
            {"usage": {**AT, "over": {"cpu": "x"}}},
            'usage.over.cpu: there is no metric "cpu"; known: host_cpu',
        ),
        ({"usage": {**AT, "courses": UNEVEN}}, "values.b: has 1 numbers, others have 2; put null"),
        ({"usage": {**AT, "courses": WORDS}}, "values.a: has something else than numbers and nulls"),
    ],
)
def test_what_a_snapshot_gets_wrong_is_told(more: dict[str, Any], said: str) -> None:
    """Times of no day, metrics that nobody declares (they would be left out unseen), uneven courses."""
    told = [str(problem) for problem in admit.problems({**SNAPSHOT, **more}, load())]
    assert any(said in one for one in told), told


def test_a_worker_reads_only_datasources(tmp_path: Path) -> None:
    """A directory of them in the order of their files; another kind in it is named."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**DOCUMENT, "name": name}))
    assert [source.name for source in datasources.read(tmp_path, load())] == ["a", "b"]
    (tmp_path / "c.yaml").write_text("ballast: v1\nkind: Policy\nname: p\n")
    with pytest.raises(Invalid, match=r"kind: is Policy; keep only datasources here"):
        datasources.read(tmp_path, load())
    assert datasources.read(None, load()) == ()


def test_a_document_overrides_its_dialect_where_it_says_so() -> None:
    """One metric and one kind of subject of its own; everything else is the dialect's."""
    more = {"metrics": {"host_cpu_usage": QUESTION}, "subjects": {"host": {"label": "h"}}}
    source = Datasource.of({**DOCUMENT, **more}, load().dialects)
    libvirt = load().dialects["libvirt"]
    assert source.metrics["host_cpu_usage"].query["mean"] == "x{${labels}}"
    assert source.metrics["host_ram_usage"] == libvirt.metrics["host_ram_usage"]
    assert (source.subjects["host"].label, source.subjects["instance"]) == ("h", libvirt.subjects["instance"])
