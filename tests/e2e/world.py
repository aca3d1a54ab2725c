# SPDX-License-Identifier: ISC
"""Fixtures and hooks of the end-to-end and screen tests.  Each test has its
own llmsim and llmd, on private ports; what they logged is shown when it
fails."""

import signal
import threading

import openai as openai_sdk
import pytest

import llmd as llmd_mod
import sim as sim_mod
from wait import LONG, seconds

TIMEOUT_S = 120


class TooSlow(Exception):
    pass


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """No test hangs: each has 120 s, or what its mark `slow(n)` says."""
    mark = item.get_closest_marker("slow")
    limit = seconds(mark.args[0] if mark else TIMEOUT_S) * (5 if LONG else 1)

    def alarm(*_):
        raise TooSlow(f"{item.name}: more than {limit} s")

    if threading.current_thread() is not threading.main_thread():
        return (yield)
    old = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call":
        item.call_failed = report.failed
    return report


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "slow(seconds): a test that may take longer than usual")


class Factory:
    """Makes things that are stopped in reverse order at the end."""

    def __init__(self, make):
        self.make, self.made = make, []

    def __call__(self, *args, **kw):
        thing = self.make(*args, **kw)
        self.made.append(thing)
        return thing

    def finish(self, failed):
        if failed:
            for t in self.made:
                print(f"--- log of {t.proc.argv[0]} (pid {t.proc.pid})")
                print(t.proc.log()[-6000:])
        problems = []
        for t in reversed(self.made):
            try:
                t.stop()
            except AssertionError as e:
                problems.append(str(e))
        assert not problems, "\n".join(problems)


def _factory(make, request):
    f = Factory(make)
    yield f
    f.finish(getattr(request.node, "call_failed", True))


@pytest.fixture
def sims(request):
    """Starts any number of llmsim."""
    yield from _factory(sim_mod.Sim, request)


@pytest.fixture
def llmd(request):
    """Starts any number of llmd: llmd(config, args=..., env=...)."""
    yield from _factory(llmd_mod.Llmd, request)


@pytest.fixture
def sim(sims):
    return sims()


@pytest.fixture
def gw(llmd, sim):
    """llmd with `m` on Ollama and `o` on an OpenAI-compatible server, both
    played by `sim`, open on loopback."""
    return llmd({"model_list": [llmd_mod.ollama("m", sim),
                                llmd_mod.openai("o", sim)],
                 "llmd_settings": {"request_log": "requests.log"}})


@pytest.fixture(params=["m", "o"], ids=["ollama", "openai"])
def model(request):
    """The same test over both kinds of backend."""
    return request.param


def sdk(gw, **kw):
    """The official client; no retries unless asked for."""
    kw = {"api_key": gw.key or "sk-any", "max_retries": 0,
          "timeout": seconds(20), **kw}
    return openai_sdk.OpenAI(base_url=gw.base, **kw)


@pytest.fixture
def client(gw):
    with sdk(gw, _strict_response_validation=True) as c:
        yield c


@pytest.fixture
def lax(gw):
    """The client as people use it, without strict validation."""
    with sdk(gw) as c:
        yield c


@pytest.fixture
def aclient(gw):
    """An AsyncOpenAI (used and closed inside one asyncio.run)."""
    return openai_sdk.AsyncOpenAI(
        base_url=gw.base, api_key="sk-any", max_retries=0,
        timeout=seconds(20))
