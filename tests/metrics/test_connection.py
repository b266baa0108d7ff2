"""What can be wrong between us and a datasource: its answers, its certificate, its patience."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from activities.door import Failed, LockedOut, Transient
from activities.metrics.prometheus import ask
from deploy.checking import check
from tests.metrics.answering import Certified, answering
from tests.metrics.numbers import METRICS
from tests.metrics.serving import datasource


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (503, "overloaded", Transient, "answers 503: overloaded"),
        (429, "", Transient, "answers 429"),
        (422, '{"status":"error","errorType":"execution","error":"many-to-many"}', Failed, "many-to-many"),
        (503, '{"status":"error","errorType":"timeout","error":"too slow"}', Transient, "timeout: too slow"),
        (200, "<html>Log in</html>", Failed, "answers no JSON of Prometheus"),
        (200, "[" * 100_000, Failed, "answers no JSON of Prometheus"),
        (200, '{"status":"success","data":{"resultType":"matrix","result":[]}}', Failed, "than a vector"),
        (200, '{"status":"success","data":{"resultType":"vector","result":7}}', Failed, "than a vector"),
        (200, '{"status":"success","warnings":["PromQL warning: x"]}', Failed, "mend the query"),
        (302, "", Failed, "redirects to http://elsewhere; put the final address into `url`"),
        (403, "", LockedOut, "does not let us in"),
        (400, "what?", Failed, "check the path in `url`"),
    ],
)
def test_what_a_server_may_answer_instead(status: int, body: str, error: type[Exception], said: str) -> None:
    """What may pass is tried again; what stays fails at once, with what to do."""
    with answering(status, body, {"Location": "http://elsewhere"}) as origin, pytest.raises(error) as told:
        ask(datasource(origin), "up")
    assert said in str(told.value)
    assert type(told.value) is error


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, "", "does not let us in (403); check `bearer`"),
        (503, "", "answers 503"),
        (200, '{"status":"success","data":{"resultType":"vector","result":[{}]}}', "answer cannot be read"),
        (200, '{"status":"success","data":{"resultType":"vector","result":[]}}', "there is no series; see"),
        (
            200,
            '{"status":"success","data":{"resultType":"vector","result":'
            '[{"metric":{"ballast":"value","node":"a"},"value":[1,"1"]}]}}',
            "there is no series whose label host names a host",
        ),
    ],
)
def test_a_look_finds_what_is_wrong_with_each_metric(status: int, body: str, said: str) -> None:
    """Whatever a datasource answers, `ballast strategies` has a sentence for it and goes on."""
    with answering(status, body) as origin:
        found = check([datasource(origin)], [METRICS["host_cpu_usage"]], "", None)["host_cpu_usage"]
    assert not found.is_good
    assert said in found.said


def test_nobody_there_is_tried_again() -> None:
    """An address where nothing listens may be served in a moment."""
    with answering(200, "") as origin:
        pass
    with pytest.raises(Transient, match="cannot be reached"):
        ask(datasource(origin), "up")


def test_a_certificate_must_be_signed_by_whom_the_operator_trusts(tmp_path: Path) -> None:
    """Without `ca_file` nobody is talked to; with it, or where it is said not to look, the answer comes."""
    certified = Certified(tmp_path)
    nothing = '{"status":"success","data":{"resultType":"vector","result":[]}}'
    with answering(200, nothing, certificate=certified.chain) as origin:
        for trusted in ({"ca_file": str(certified.authority)}, {"verify": False}):
            assert ask(datasource(origin, **trusted), "up") == []
        with pytest.raises(Failed, match=r"no trusted connection .*give its authority's certificate"):
            ask(datasource(origin), "up")
        with pytest.raises(Failed, match=r"cannot be read from .*check the file `tls.ca_file`"):
            ask(datasource(origin, ca_file=str(tmp_path / "none")), "up")


def test_an_answer_that_drips_in_takes_no_longer_than_a_query_may() -> None:
    """Each piece comes in time, and the whole would take a minute."""

    def drip(listening: socket.socket) -> None:
        with listening.accept()[0] as caller:
            caller.recv(65536)
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n")
            while not ended.wait(0.1):
                caller.sendall(b" ")

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,), daemon=True)
        thread.start()
        source = datasource(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout_seconds=3.0)
        with pytest.raises(Transient, match=r"did not answer within 3 s: its answer came in part only"):
            ask(source, "up")
        ended.set()
        thread.join(timeout=5)


def test_who_does_not_answer_in_time_is_asked_again() -> None:
    """A server that takes the query and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = datasource(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.2)
        with pytest.raises(Transient, match=r"did not answer within 0.2 s"):
            ask(source, "up")
