"""Where settings come from."""

import json

import pytest

from cli.environment import open_session, read_settings
from core.actions.users import sign_up
from core.config import Misconfigured
from core.errors import Conflict
from core.queries.users import user_by_email


def test_with_a_state_the_environment_is_not_used(bazaar, tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps(bazaar.env))

    settings = read_settings(tmp_path, {"DATABASE_URL": "postgresql://elsewhere"})

    assert settings.database_url == bazaar.env["DATABASE_URL"]


@pytest.mark.parametrize("text", ["", "[]", '{"A": 1}', '{"A": {"B": "c"}}', "\x00"])
def test_a_state_that_is_no_flat_object_is_refused(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)

    with pytest.raises(Misconfigured, match="flat JSON object"):
        read_settings(tmp_path, {})


def test_a_command_that_fails_changes_nothing(settings, db):
    with pytest.raises(Conflict), open_session(settings) as session:
        [sign_up(session, email="ada@example.com", password="correct horse battery") for _ in range(2)]

    assert db.scalar(user_by_email("ada@example.com")) is None
