from hashlib import sha1
from pathlib import Path

import pytest

from core.counters import script
from core.counters.script import Script


def test_a_script_is_known_by_the_digest_of_its_source():
    made = Script.of("answer", "return 42")

    assert made == Script("answer", "return 42", "1fa00e76656cc152ad327c13fe365858fd7be306")


def test_a_script_is_read_by_its_name_behind_what_all_share(tmp_path, monkeypatch):
    (tmp_path / "common.lua").write_text("local word = 'grüß'\n", "utf-8")
    (tmp_path / "greet.lua").write_text("return word\n", "utf-8")
    monkeypatch.setattr(script, "files", lambda package: tmp_path)
    script._text.cache_clear()

    found = Script.load("greet")

    script._text.cache_clear()
    assert (found.name, found.source) == ("greet", "local word = 'grüß'\nreturn word\n")
    assert found.sha == sha1(found.source.encode()).hexdigest()


def test_scripts_lie_beside_the_module():
    with pytest.raises(FileNotFoundError) as missing:
        Script.load("no_such")

    assert Path(missing.value.filename) == Path(script.__file__).with_name("no_such.lua")
