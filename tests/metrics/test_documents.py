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
    ],
)
def test_what_a_document_gets_wrong_is_told(more: dict[str, Any], said: str) -> None:
    """Unknown names, unsafe addresses and headers, secrets in it, templates with holes elsewhere."""
    told = [str(problem) for problem in admit.problems({**DOCUMENT, **more}, load())]
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
