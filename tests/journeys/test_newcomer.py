"""A newcomer: starts the product, pastes the printed line, runs the operator's commands, reads the ledger."""

import json
import os
import subprocess
from decimal import Decimal

import pytest

from dev.welcome import curl
from tests.journeys.conftest import eventually

pytestmark = pytest.mark.timeout(180)


def test_ready_json_tells_all_a_script_needs(stack):
    ready = stack.ready

    assert ready["api_base"] == ready["base_url"] + "/api/v1"
    assert set(ready) >= {"portal_url", "simulator_url", "mailbox_dir", "database_url", "redis_url", "pids"}
    assert set(ready["demo"]) >= {
        "email", "password", "org_id", "api_key", "management_key", "edu_key", "operator_email",
        "operator_password",
    }  # fmt: skip
    assert set(ready["pids"]) >= {"postgres", "valkey", "simulator", "mailbox", "web", "proxy", "worker"}
    for pid in ready["pids"].values():
        os.kill(pid, 0)  # raises when there is no such process


def test_the_printed_curl_line_works_as_it_is(stack):
    done = subprocess.run(
        ["sh", "-c", curl(stack.ready)], capture_output=True, text=True, check=True, timeout=30
    )

    answer = json.loads(done.stdout)
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["cost"] > 0


def test_the_simulator_stands_in_and_says_so(stack):
    answer = stack.ask(stack.ready["demo"]["api_key"])

    assert answer.headers["X-Provider"] == "simulator"


def test_a_model_of_the_operator_is_called_and_booked(stack):
    key_env = {"ACME_KEY": "secret-of-acme"}
    os.environ.update(key_env)
    upstream = stack.ready["simulator_url"] + "/v1"
    stack.bazaar("user", "create", "ann@example.com", "--password", "correct horse battery")
    stack.bazaar("credits", "grant", "ann@example.com", "5.00", "--note", "welcome")
    stack.bazaar(
        "provider", "add", "acme", "--kind", "openai", "--base-url", upstream, "--api-key-env", "ACME_KEY",
        "--allow-private",
    )  # fmt: skip
    stack.bazaar(
        "model", "add", "acme/tiny", "--provider", "acme", "--upstream-model", "tiny", "--input", "0.15",
        "--output", "0.60", "--context", "8192",
    )  # fmt: skip
    key = stack.bazaar("key", "create", "ann@example.com", "--name", "first")["key"]

    answer = eventually(
        lambda: (got := stack.ask(key, model="acme/tiny")).status == 200 and got,
        within_s=20,
        what="a model added while the product runs",
    )

    usage = json.loads(answer.text, parse_float=Decimal)["usage"]
    list_n = usage["prompt_tokens"] * 150 + usage["completion_tokens"] * 600
    assert usage["cost"] == Decimal(-(-list_n * 11 // 10)) / 10**9
    assert answer.headers["X-Provider"] == "acme"
    shown = json.dumps(stack.bazaar("ledger", "show", "ann@example.com"))
    assert answer.headers["X-Request-Id"] in shown


def test_the_books_are_proved(stack):
    assert stack.run_bazaar("check").returncode == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "x"}]}, 400),
        ({"model": "openai/no-such", "messages": [{"role": "user", "content": "x"}]}, 404),
        ({"model": "openai/gpt-4.1-mini", "messages": []}, 400),
        (b'{"model": "openai/gpt-4.1-mini"', 400),
        (b"x" * (11 << 20), 413),
    ],
)
def test_bad_input_is_refused_in_the_same_shape(stack, body, status):
    answer = stack.http("/api/v1/chat/completions", body, key=stack.ready["demo"]["api_key"])

    assert answer.status == status
    assert set(answer.json["error"]) >= {"message", "type", "code"}


def test_the_front_door_serves_portal_and_api_from_one_address(stack):
    page = stack.http("/sign-in")
    nothing = stack.http("/api/v1/nothing-here")

    assert "<html" in page.text
    assert nothing.status == 404
    assert nothing.json["error"]["code"] == 404
