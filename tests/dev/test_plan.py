import socket

import pytest

from dev.errors import StartError
from dev.plan import plan, settled_ports
from dev.ports import LOOPBACK, free_port

SERVICES = {
    "DATABASE_URL": "postgresql://db.example/x",
    "REDIS_URL": "redis://cache.example/0",
    "SMTP_URL": "smtp://mail.example:25",
}


def test_services_of_the_environment_are_used_instead_of_our_own(roomy_path):
    made = plan(roomy_path, port=free_port(), environ=SERVICES)

    assert made.stores() == []
    assert made.mailbox_dir is None
    assert {name: made.settings[name] for name in SERVICES} == SERVICES


def test_without_any_our_own_are_planned(roomy_path):
    made = plan(roomy_path, port=free_port(), environ={})

    assert made.settings["DATABASE_URL"] == made.postgres.url
    assert made.settings["REDIS_URL"] == made.valkey.url
    assert made.mailbox_dir == roomy_path / "mailbox"


def test_provider_keys_are_passed_on_and_a_set_secret_wins(roomy_path):
    environ = {**SERVICES, "OPENAI_API_KEY": "given", "KEY_PEPPER": "ab" * 32}

    made = plan(roomy_path, port=free_port(), environ=environ)

    assert made.env["OPENAI_API_KEY"] == "given"
    assert made.settings["KEY_PEPPER"] == "ab" * 32


def test_secrets_are_not_shown(roomy_path):
    made = plan(roomy_path, port=free_port(), environ=SERVICES)

    assert made.secrets["SECRET_KEY"] not in repr(made)


def test_a_port_in_use_is_refused(roomy_path):
    with socket.create_server((LOOPBACK, 0)) as server, pytest.raises(StartError, match="in use"):
        plan(roomy_path, port=server.getsockname()[1], environ=SERVICES)


def test_ports_stay_from_start_to_start_unless_one_is_taken(tmp_path):
    first = settled_ports(tmp_path, taken=1)
    assert settled_ports(tmp_path, taken=1) == first

    with socket.create_server((LOOPBACK, first["web"])):
        second = settled_ports(tmp_path, taken=1)

    assert second["web"] != first["web"]
    assert second["postgres"] == first["postgres"]
    assert len(set(second.values())) == len(second)
