from bench.install import ROOT
from bench.profile import area, own, read, shares, told
from bench.rounds import PLAIN, Phase

LIBRARY = f"{ROOT}/.venv/lib/python3.11/site-packages"
LOOP = f"run ({LIBRARY}/uvloop/__init__.py:38)"
MAIN = f"main ({ROOT}/proxy/__main__.py:43)"
CHAT = f"chat ({ROOT}/proxy/handlers/model_calls.py:27)"
SEND = f"Upstreams.send ({ROOT}/proxy/upstream.py:76)"
POST = f"ClientSession._request ({LIBRARY}/aiohttp/client.py:500)"
YARL = f"URL.build ({LIBRARY}/yarl/_url.py:90)"


def test_a_library_function_of_no_area_counts_for_its_caller():
    assert area((MAIN, LOOP, CHAT, SEND, POST, YARL)) == "HTTP client"


def test_the_innermost_area_is_the_one():
    assert area((MAIN, LOOP, CHAT)) == "ours: proxy/handlers/model_calls.py"
    assert area((MAIN, LOOP)) == "event loop and sockets"
    assert area(("start (<frozen runpy>:1)",)) == "not attributed"


def test_only_this_checkout_is_ours():
    assert own(SEND) == "proxy/upstream.py:Upstreams.send"
    assert [own(frame) for frame in (MAIN, POST, "<module> (<frozen runpy>)")] == [None] * 3


def test_a_sample_counts_once_within_each_function_it_passes():
    stacks = read([f"{MAIN};{LOOP};{CHAT};{SEND};{CHAT} 3", f"{MAIN};{LOOP} 1"])

    areas, steps = shares(stacks)

    assert areas == {"ours: proxy/handlers/model_calls.py": 0.75, "event loop and sockets": 0.25}
    assert steps == {"proxy/handlers/model_calls.py:chat": 0.75, "proxy/upstream.py:Upstreams.send": 0.75}


def test_what_is_small_is_told_together():
    stacks = read([f"{MAIN};{LOOP};{CHAT} 999", f"{MAIN};{LOOP} 1"])

    text = told(Phase("plain calls", PLAIN, 16), stacks)

    assert text.startswith("**plain calls, 16 at once** (1000 samples)")
    assert "| ours: proxy/handlers/model_calls.py | 99.9% |" in text
    assert "| the rest                            |  0.1% |" in text
