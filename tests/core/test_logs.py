"""Logs are JSON, and hold nothing that opens a door."""

import json
import logging
from uuid import uuid4

import pytest
import structlog

from core.ids import new_key
from core.logs import configure_logs, masked


@pytest.fixture(autouse=True)
def _as_before(logs_as_before):
    """What these tests configure is undone."""


def lines(capsys):
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_is_a_json_object_that_names_its_process(capsys):
    configure_logs("info", "worker")
    wallet_id = uuid4()

    structlog.get_logger().info("call_swept", wallet_id=wallet_id, charge_n=12)

    [line] = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call_swept",
        "process": "worker",
        "level": "info",
        "wallet_id": str(wallet_id),
        "charge_n": 12,
    }


def test_what_libraries_log_looks_the_same(capsys):
    configure_logs("info", "worker")

    logging.getLogger("rq.worker").warning("using %s", "sk-abcdefgh")

    [line] = lines(capsys)
    assert (line["event"], line["process"], line["level"]) == ("using ***", "worker", "warning")


def test_lines_below_the_level_are_left_out(capsys):
    configure_logs("warning", "worker")

    structlog.get_logger().info("quiet")
    logging.getLogger("rq.worker").info("quiet")

    assert lines(capsys) == []


def test_the_text_of_an_exception_is_masked_too(capsys):
    configure_logs("info", "worker")
    secret = new_key()

    try:
        int(f"cannot use {secret}")
    except ValueError:
        structlog.get_logger().exception("broken", keys=[{"deep": secret}])
        logging.getLogger("other").exception("broken")

    written = json.dumps(lines(capsys))
    assert secret not in written
    assert written.count("cannot use ***") == 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("sk-bl-" + "a1B2" * 9 + "zz", "***"),
        ("edu-sess-0123456789abcdef0123456789abcdef", "***"),
        ("key sk-proj-abc_DEF-123 was refused", "key *** was refused"),
        ("Authorization: Bearer abc.def-ghi=", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpwdw==", "authorization: basic ***"),
        ("postgresql://gw:pass@host/db", "postgresql://***@host/db"),
        (
            {"Authorization": "anything", "nested": ({"x-api-key": "k"},)},
            {"Authorization": "***", "nested": [{"x-api-key": "***"}]},
        ),
        (b"sk-abcdefgh", "***"),
        ("a risk-based desk-top task-force", "a risk-based desk-top task-force"),
        ({"n": 1, "ok": True, "none": None, "f": 0.5}, {"n": 1, "ok": True, "none": None, "f": 0.5}),
    ],
)
def test_secrets_are_masked_and_the_rest_is_kept(value, shown):
    assert masked(value) == shown
