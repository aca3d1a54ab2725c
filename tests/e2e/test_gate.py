# SPDX-License-Identifier: ISC
"""The gate against gate_cases.py: what is bad is refused with JSON and a
closed connection, and the backend never hears of it; whole, cut in two, and
behind a good request.  What is good is served."""

import json
import time

import pytest

from gate_cases import BAD, GOOD, INNER
from llmd import Llmd, ollama, sanitized
from raw import Closed, Raw, get
from sim import Sim
from wait import LONG, wait_until


@pytest.fixture(scope="module")
def world():
    """One llmd and one llmsim for all cases of a worker."""
    sim = Sim()
    gw = Llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"request_log": "requests.log"}})
    yield gw, sim
    gw.stop()
    sim.stop()


def check_refused(c, statuses, what):
    """The next reply is an error of one of these statuses, in JSON, and the
    connection is closed after it."""
    try:
        r = c.reply()
    except Closed:
        raise AssertionError(f"{what}: closed without a reply") from None
    assert r.status in statuses, f"{what}: {r}"
    e = r.json()["error"]
    assert list(e) == ["message", "type", "param", "code"], what
    assert r.header("Content-Type").startswith("application/json"), what
    assert (r.header("Connection") or "").lower() == "close", f"{what}: {r}"
    # Our end of the bargain: nothing more is sent, so the peer closes.
    try:
        c.half_close()
    except OSError:
        pass
    assert c.closed(5), f"{what}: more after the refusal: {c.buf[:200]!r}"


def refused(gw, pieces, statuses, what, before=0):
    with gw.raw() as c:
        c.send(*pieces, pause=0.002)
        for _ in range(before):
            assert c.reply().status == 200, what
        check_refused(c, statuses, what)


def cut_places(n):
    """Where a request of n bytes is cut in two."""
    if LONG:
        return range(1, n) if n < 1000 else \
            [*range(1, 300), *range(300, n - 300, max(1, n // 200)),
             *range(n - 300, n)]
    return sorted({1, n // 5, n // 3, n // 2, n - n // 4, n - 1} - {0, n})


def test_there_are_enough_cases():
    assert len(BAD) >= 150 and len(GOOD) >= 30


def arrived(sim):
    """How many requests the backend has seen."""
    return sim.stats()["requests_total"]


@pytest.mark.parametrize("name", BAD)
def test_bad(world, name):
    gw, sim = world
    data, statuses = BAD[name]
    before = arrived(sim)
    refused(gw, [data], statuses, name)
    refused(gw, [get() + data], statuses, f"{name}, pipelined", before=1)
    assert arrived(sim) == before


@pytest.mark.slow(240)
@pytest.mark.parametrize("name", BAD)
def test_bad_cut_in_two(world, name):
    gw, sim = world
    data, statuses = BAD[name]
    before = arrived(sim)
    for at in cut_places(len(data)):
        refused(gw, [data[:at], data[at:]], statuses, f"{name}, cut at {at}")
    assert arrived(sim) == before


@pytest.mark.parametrize("name", GOOD)
def test_good(world, name):
    gw, _ = world
    data, n = GOOD[name]
    with gw.raw() as c:
        c.send(data)
        for _ in range(n):
            r = c.reply()
            assert r.status == 200, (name, r)
            assert b"choices" in r.body or b"healthy" in r.body
        if b"HTTP/1.0" not in data[:60] or n > 1:
            c.send(get())
            assert c.reply().status == 200
        else:
            assert c.closed()


@pytest.mark.slow(240)
@pytest.mark.parametrize("name", GOOD)
def test_good_cut_in_two(world, name):
    gw, _ = world
    data, n = GOOD[name]
    for at in cut_places(len(data)):
        with gw.raw() as c:
            c.send(data[:at], data[at:], pause=0.002)
            for _ in range(n):
                assert c.reply().status == 200, (name, at)


def test_byte_by_byte(world):
    gw, _ = world
    for name in "plain", "chunked", "trailers":
        with gw.raw() as c:
            for b in GOOD[name][0]:
                c.send(bytes([b]))
            assert c.reply().status == 200


@pytest.mark.parametrize("value, closes", [
    (b"close", True), (b"Close", True), (b"foo, close", True),
    (b"close, foo", True), (b"foo,close ,bar", True), (b"closed", False),
    (b"keep-alive", False), (b"foo", False)])
def test_connection_tokens(world, value, closes):
    gw, _ = world
    with gw.raw() as c:
        c.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: "
               + value + b"\r\n\r\n")
        r = c.reply()
        assert r.status == 200
        if closes:
            assert r.header("Connection").lower() == "close"
            assert c.closed()
        else:
            c.send(get())
            assert c.reply().status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_a_body_is_never_the_next_request(world, method):
    """A body where none is expected is eaten or refused; in no case is it
    read as a request of its own."""
    gw, sim = world
    before = arrived(sim)
    with gw.raw() as c:
        c.send(f"{method} /health HTTP/1.1\r\nHost: localhost\r\n"
               f"Content-Length: {len(INNER)}\r\n\r\n".encode() + INNER)
        c.reply(method)
        c.send(get())
        try:
            r = c.reply()
            assert b"choices" not in r.body
        except (Closed, AssertionError):
            pass
    assert arrived(sim) == before


def test_pipelining_is_answered_in_order(world):
    gw, _ = world
    with gw.raw() as c:
        c.send(INNER + get() + get("/v1/models"))
        assert b"choices" in c.reply().body
        assert b"healthy" in c.reply().body
        assert b"list" in c.reply().body


def test_hostile_suite_leaves_nothing(world):
    """After all bad cases, three times over: memory within 2 MB of the
    start, and the same descriptors."""
    gw, sim = world

    def once():
        for name, (data, statuses) in BAD.items():
            with gw.raw() as c:
                c.send(data)
                check_refused(c, statuses, name)

    def quiet():
        first = gw.proc.fds()
        time.sleep(0.05)
        return gw.proc.fds() == first and len(first)

    for _ in range(2):                # warm up both workers
        once()
    for _ in range(20):
        assert gw.chat("m").status == 200
    rss, fds = gw.proc.rss_kb(), wait_until(quiet, 5)
    for _ in range(3):
        once()
    wait_until(lambda: len(gw.proc.fds()) <= fds, 10,
               f"descriptors go back to {fds}")
    assert len(gw.proc.fds()) == fds
    if not sanitized():
        assert gw.proc.rss_kb() - rss < 2048
    assert gw.chat("m").status == 200


def test_refusals_have_a_request_id(world):
    gw, _ = world
    seen = set()
    for name in ("line: no method", "host: twice", "size: head 40 KiB",
                 "chunk size: x", "length: 65 MiB"):
        with gw.raw() as c:
            c.send(BAD[name][0])
            r = c.reply()
        assert (r.header("x-request-id") or "").startswith("req_"), name
        seen.add(r.header("x-request-id"))
    assert len(seen) == 5


def test_no_log_flood(world):
    """Refusals are not worth a line each on stderr."""
    gw, _ = world
    before = len(gw.log())
    for _ in range(300):
        with gw.raw() as c:
            c.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n")
            c.reply()
    assert len(gw.log()) - before < 20_000


def test_after_all_that_it_serves(world):
    gw, _ = world
    r = gw.chat("m", text="still there?")
    assert r.status == 200, r
    assert json.loads(r.body)["choices"]
    with Raw(gw.port) as c:
        c.send(get())
        assert c.reply().status == 200
