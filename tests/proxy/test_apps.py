"""What a caller says of its app is recorded, but cannot fill our tables."""

from uuid import uuid4

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy import apps as module
from proxy.apps import NAMES, OTHER, Apps


def request(**headers):
    return make_mocked_request("POST", "/", headers=headers)


def titled(name):
    return request(**{"X-Title": name})


def test_an_app_is_cleaned_and_cut():
    shown = request(**{"X-Title": "  My\tapp\x7f ", "HTTP-Referer": "https://app.example/" + "x" * 300})

    name, url = Apps().of(shown, uuid4())

    assert name == "Myapp"
    assert url == ("https://app.example/" + "x" * 300)[:200]


def test_no_app_is_no_app():
    assert Apps().of(request(), uuid4()) == ("", "")


def test_a_wallet_has_so_many_apps_a_day_and_the_rest_is_one(monkeypatch):
    apps, wallet, other = Apps(), uuid4(), uuid4()

    names = [apps.of(titled(f"app {i}"), wallet)[0] for i in range(NAMES + 5)]

    assert names[:NAMES] == [f"app {i}" for i in range(NAMES)]
    assert set(names[NAMES:]) == {OTHER}
    assert apps.of(titled("app 7"), wallet)[0] == "app 7"
    assert apps.of(titled("app 999"), other)[0] == "app 999"
    tomorrow = module.time.time() + 86_400
    monkeypatch.setattr(module.time, "time", lambda: tomorrow)
    assert apps.of(titled("app 999"), wallet)[0] == "app 999"


@pytest.mark.parametrize("kept", [2])
def test_the_memory_has_an_end(monkeypatch, kept):
    monkeypatch.setattr(module, "KEPT", kept)
    apps = Apps()

    for _ in range(5):
        apps.of(titled("a"), uuid4())

    assert len(apps._names) == kept
