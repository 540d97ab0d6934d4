import json

from dev.secret_store import MAKERS, secrets_of


def test_secrets_are_made_once(tmp_path):
    first = secrets_of(tmp_path)

    assert secrets_of(tmp_path) == first
    assert len(set(first.values())) == len(MAKERS)
    assert len(bytes.fromhex(first["KEY_PEPPER"])) == 32
    assert (tmp_path / "env.json").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_new_is_added_and_the_others_stay(tmp_path):
    first = secrets_of(tmp_path)
    kept = {name: value for name, value in first.items() if name != "DEMO_PASSWORD"}
    (tmp_path / "env.json").write_text(json.dumps(kept))

    second = secrets_of(tmp_path)

    assert second["DEMO_PASSWORD"] != first["DEMO_PASSWORD"]
    assert second["KEY_PEPPER"] == first["KEY_PEPPER"]
