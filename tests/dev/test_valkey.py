import os
import signal

import pytest
import redis

from dev.places import place
from dev.ports import free_port
from dev.spawn import running_alone
from dev.valkey import Valkey, quoted, temporary_valkey


@pytest.fixture(scope="module")
def server():
    with temporary_valkey() as server:
        yield server


@pytest.mark.parametrize(
    ("name", "value"),
    [("maxmemory-policy", "noeviction"), ("appendonly", "no"), ("save", ""), ("bind", "127.0.0.1")],
)
def test_a_test_server_has_the_settings_it_needs(server, name, value):
    with redis.Redis.from_url(server.url) as link:
        found = link.config_get(name)

    assert found[name] == value or found[name.encode()] == value.encode()


def test_without_the_password_it_answers_nothing(server):
    with redis.Redis(port=server.port, retry=None) as link, pytest.raises(redis.AuthenticationError):
        link.ping()


def test_its_settings_cannot_be_read_by_other_users(server):
    mode = server.config.stat().st_mode & 0o777

    assert mode == 0o600


def test_a_durable_server_keeps_what_it_was_told_when_it_is_killed(roomy_path):
    server = Valkey(place(roomy_path, "valkey"), port=free_port(), password="secret", durable=True)
    server.prepare()
    with running_alone(server.program(), timeout_s=30) as process, redis.Redis.from_url(server.url) as link:
        link.set("kept", "yes")
        assert server.pid == process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.wait(5)

    server.prepare()
    with running_alone(server.program(), timeout_s=30), redis.Redis.from_url(server.url) as link:
        assert link.get("kept") == b"yes"


def test_a_path_with_a_quote_stays_one_word(tmp_path):
    word = quoted(tmp_path / 'a "b" c')

    assert word.endswith('/a \\"b\\" c"')
