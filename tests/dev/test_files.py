import pytest

from dev.files import read_json, write_json


def test_what_is_written_is_read_and_private(tmp_path):
    path = tmp_path / "facts.json"

    write_json(path, {"one": 1})

    assert read_json(path) == {"one": 1}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_not_there_is_empty(tmp_path):
    assert read_json(tmp_path / "none.json") == {}


def test_a_write_that_fails_leaves_the_old_content(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"one": 1})

    with pytest.raises(TypeError):
        write_json(path, {"one": object()})

    assert read_json(path) == {"one": 1}
