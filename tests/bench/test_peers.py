import json
import shutil

import pytest

from bench import peers
from bench.cores import ours
from bench.install import HOME
from bench.peers import litellm_config, litellm_environment, litellm_version, plain_proxy
from bench.rounds import BURST, PLAIN, Phase, Timing, measure
from bench.wire import MODEL

HAS_NGINX = shutil.which("nginx", path="/usr/bin:/usr/sbin") or (HOME / "nginx/usr/sbin/nginx").exists()
SHORT = Timing(warm_s=0.1, measure_s=0.3, rounds=1)


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "HOME", tmp_path)
    return tmp_path


@pytest.mark.skipif(not HAS_NGINX, reason="there is no nginx here; bin/bench gets one")
def test_nginx_passes_every_kind_of_call_on(source, home):
    with plain_proxy(upstream_port=source.port, cores=ours()) as target:
        rows = [
            measure(target, phase, source, timing=SHORT, number=0)
            for phase in (Phase("plain 2", PLAIN, 2), Phase("burst 2", BURST, 2))
        ]

    assert [row.faults for row in rows] == [[], []]
    assert rows[0].units_per_s > 0


def test_litellm_is_told_of_the_upstream_and_of_its_valkey(home):
    class Valkey:
        port, password = 6400, "of no importance"

    path = litellm_config(Valkey(), 9100)

    told = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert (path.parent / "litellm_keys.py").exists()
    assert told["model_list"][0]["model_name"] == MODEL
    assert told["model_list"][0]["litellm_params"]["api_base"] == "http://127.0.0.1:9100/v1"
    assert told["litellm_settings"]["cache_params"]["port"] == 6400
    assert told["litellm_settings"]["enable_post_custom_auth_checks"] is True
    assert told["general_settings"]["custom_auth"] == "litellm_keys.find"


def test_litellm_is_given_nothing_of_our_environment(home, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "of no importance")

    given = litellm_environment(home / "bin", "sk-x")

    assert "OPENAI_API_KEY" not in given
    assert given["PATH"].startswith(f"{home / 'bin'}:")


def test_the_version_of_litellm_is_the_one_that_is_locked():
    assert litellm_version().count(".") == 2
