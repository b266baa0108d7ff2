"""Exporters that tell bad metrics: what those of a cloud tell passes through here and is spoilt, one kind of
trouble for each path, for a real Prometheus to scrape."""

from __future__ import annotations

import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from activities.metrics.gate import HOLES

GUEST_MEMORY, GUEST_CPU = (
    "libvirt_domain_memory_stats_rss_bytes",
    "libvirt_domain_info_cpu_time_seconds_total",
)
STRANGERS = 5  # guests of another cloud
_AGAIN = 0.7  # seconds for which what a host's exporter told is told to all


@dataclass(frozen=True)
class Victim:
    """The host, and one guest on it, that go wrong where not all do."""

    host: str
    uuid: str

    def domain(self, text: str) -> str:
        """What libvirt calls the guest, in what its host's exporter tells."""
        found = re.search(rf'domain="([^"]*)",uuid="{self.uuid}"', text)
        if found is None:
            raise LookupError(f"the exporter of {self.host} does not tell of {self.uuid}")
        return f'domain="{found[1]}"'


def _each(text: str, change: Callable[[str], str | None]) -> str:
    """Every line changed; None leaves one out."""
    return "".join(f"{new}\n" for line in text.splitlines() if (new := change(line)) is not None)


def _times(text: str, factor: float, *marks: str) -> str:
    """The numbers of the lines that have all marks, multiplied."""

    def change(line: str) -> str:
        series, _, number = line.rpartition(" ")
        return f"{series} {float(number) * factor!r}" if all(mark in line for mark in marks) else line

    return _each(text, change)


def without_guest(text: str, victim: Victim) -> str:
    domain = victim.domain(text)
    return _each(text, lambda line: None if domain in line else line)


def without_host(text: str, victim: Victim) -> str:
    return _each(text, lambda line: None if line.startswith("node_") else line)


def not_a_number(text: str, victim: Victim) -> str:
    return _times(text, float("nan"), GUEST_MEMORY, victim.domain(text)).replace(" nan\n", " NaN\n")


def too_much(text: str, victim: Victim) -> str:
    return _times(text, 1e4, GUEST_MEMORY, victim.domain(text))


def hundredths(text: str, victim: Victim) -> str:
    return _times(text, 0.01, GUEST_CPU)


def kibibytes(text: str, victim: Victim) -> str:
    return _times(text, 1 / 1024, GUEST_MEMORY)


def with_strangers(text: str, victim: Victim) -> str:
    domain = victim.domain(text)
    lines = [line for line in text.splitlines() if domain in line]
    copies = [
        f"{line}\n".replace(domain, f'domain="stranger-{n}"').replace(victim.uuid, f"stranger-{n}")
        for n in range(STRANGERS)
        for line in lines
    ]
    return text + "".join(copies)


def silent(text: str, victim: Victim) -> None:
    """The exporter does not answer."""


@dataclass(frozen=True)
class Kind:
    """One kind of bad metric, and what a refusal must say: (metric, trouble, of whom) and no other metric."""

    name: str
    told: str
    spoil: Callable[[str, Victim], str | None]
    expected: tuple[tuple[str, str, str], ...]  # of whom: host | instance | "" for whoever
    is_everywhere: bool = False  # on all hosts
    period: float = 15.0
    hold: float = 0.0  # seconds; the exporter is well again before it is looked at
    freezes: bool = False  # samples have times of their own, and the victim's host tells its last ones again

    @property
    def is_hole(self) -> bool:
        """Whether one instance lacks a number, which `workload_balance` leaves alone."""
        return all(trouble in HOLES and who == "instance" for _, trouble, who in self.expected)


CPU, RAM, HOST_CPU, HOST_RAM = (
    "instance_cpu_usage",
    "instance_ram_usage",
    "host_cpu_usage",
    "host_ram_usage",
)
OF_GUESTS, OF_HOSTS = (CPU, RAM), (HOST_CPU, HOST_RAM)
KINDS = (
    Kind(
        "missing-instance",
        "an instance's series are gone",
        without_guest,
        tuple((metric, "missing", "instance") for metric in OF_GUESTS),
    ),
    Kind(
        "missing-host",
        "a host's series are gone",
        without_host,
        tuple((metric, "missing", "host") for metric in OF_HOSTS),
    ),
    Kind("not-a-number", "an instance's memory is NaN", not_a_number, ((RAM, "not_a_number", "instance"),)),
    Kind(
        "out-of-range", "an instance's memory, 10,000 times", too_much, ((RAM, "out_of_range", "instance"),)
    ),
    Kind(
        "fractions",
        "CPU of all instances in fractions for percent",
        hundredths,
        ((CPU, "wrong_unit", ""),),
        is_everywhere=True,
    ),
    Kind(
        "kibibytes",
        "memory of all instances in KiB for bytes",
        kibibytes,
        ((RAM, "wrong_unit", ""),),
        is_everywhere=True,
    ),
    Kind(
        "silent-host",
        "the exporters of a host stop answering",
        silent,
        # Prometheus ends all series at once; what is a rate over a longer time goes on.
        (
            (HOST_CPU, "stale", "host"),
            (HOST_RAM, "missing", "host"),
            *((m, "missing", "") for m in OF_GUESTS),
        ),
        period=60.0,
    ),
    Kind(
        "old-samples",
        "a host's samples have times of their own, and grow old",
        silent,
        (*((m, "stale", "host") for m in OF_HOSTS), *((m, "stale", "") for m in OF_GUESTS)),
        period=60.0,
        freezes=True,
    ),
    Kind(
        "unknown",
        "instances of another cloud are told, too",
        with_strangers,
        tuple((metric, "unknown", "") for metric in OF_GUESTS),
    ),
    Kind(
        "interrupted",
        "an instance's series were gone for a while within `hold`",
        without_guest,
        tuple((metric, "interrupted", "instance") for metric in OF_GUESTS),
        hold=10.0,
    ),
)


class Spoiler:
    """Behind /<kind>/<host> what /metrics/<host> of the origin tells, and spoilt as soon as a kind begins."""

    def __init__(self, origin: str, victim: Victim) -> None:
        self._origin, self._victim = origin, victim
        self.begun: set[str] = set()
        self._lock = threading.Lock()
        self._last: dict[str, tuple[float, str]] = {}  # host -> when it was asked, and what it told
        self._frozen: dict[str, str] = {}  # kind -> what its victim's host told last

    def told(self, kind: Kind, host: str) -> str | None:
        at, text = self._told(host)
        is_bad = kind.name in self.begun and (kind.is_everywhere or host == self._victim.host)
        if not kind.freezes:
            return kind.spoil(text, self._victim) if is_bad else text
        if is_bad and kind.name in self._frozen:
            return self._frozen[kind.name]
        stamped = _each(text, lambda line: f"{line} {round(1000 * at)}")
        if host == self._victim.host:
            self._frozen[kind.name] = stamped
        return stamped

    def _told(self, host: str) -> tuple[float, str]:
        """Of all kinds that are scraped at about the same time only the first asks the exporter itself."""
        with self._lock:
            now = time.time()
            if host not in self._last or now - self._last[host][0] > _AGAIN:
                with urllib.request.urlopen(f"{self._origin}/metrics/{host}", timeout=10) as reply:  # noqa: S310
                    self._last[host] = now, reply.read().decode()
            return self._last[host]


@contextmanager
def spoiling(origin: str, victim: Victim) -> Iterator[tuple[Spoiler, str]]:
    """One that serves, and its origin."""
    spoiler, kinds = Spoiler(origin, victim), {kind.name: kind for kind in KINDS}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, kind, host = self.path.split("/")
            try:
                text = spoiler.told(kinds[kind], host)
            except urllib.error.URLError:  # so is ours not
                text = None
            body = (text or "does not answer\n").encode()
            self.send_response(503 if text is None else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # on a busy machine Prometheus may wait no longer
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not told one by one."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield spoiler, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
