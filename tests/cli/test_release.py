"""Bringing a database to this release."""

import json

import pytest

ROW = {
    "id": "acme/tiny",
    "name": "Tiny",
    "mode": "chat",
    "provider": "acme",
    "upstream_model": "tiny-1",
    "context": 8192,
    "max_output": 1024,
    "input_modalities": ["text"],
    "output_modalities": ["text"],
    "supported_parameters": ["temperature"],
    "premium": False,
    "prices": {"input": "0.15", "output": "0.60"},
    "source": "https://example.com/prices",
    "as_of": "2026-01-31",
}
DOCUMENT = {
    "providers": [
        {"name": "acme", "title": "Acme", "kind": "openai", "base_url": "https://api.example.com/v1"}
    ],
    "models": [ROW],
}


def test_migrating_again_changes_nothing(bazaar):
    assert bazaar("migrate").data == {"migrated": True}


def test_a_catalogue_is_loaded_once(bazaar, tmp_path):
    path = tmp_path / "models.json"
    path.write_text(json.dumps(DOCUMENT))

    first = bazaar("catalog", "load", "--file", path)
    second = bazaar("catalog", "load", "--file", path)

    assert (first.data["models"], first.data["changed"]) == (1, 3)
    assert second.data["changed"] == 0
    assert bazaar("model", "list").data["models"][0]["id"] == "acme/tiny"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"providers": [], "models": {"id": 1}}',
        json.dumps({**DOCUMENT, "models": [{"id": "acme/tiny"}]}),
        json.dumps({**DOCUMENT, "models": [{**ROW, "as_of": "yesterday"}]}),
        json.dumps({**DOCUMENT, "models": [{**ROW, "prices": {"input": "free"}}]}),
    ],
)
def test_a_file_that_is_no_catalogue_changes_nothing(bazaar, tmp_path, text):
    path = tmp_path / "models.json"
    path.write_text(text)

    done = bazaar("catalog", "load", "--file", path)

    assert done.code == 1
    assert bazaar("provider", "list").data["providers"] == []


def test_a_file_that_is_not_there_is_named(bazaar, tmp_path):
    done = bazaar("catalog", "load", "--file", tmp_path / "none.json")

    assert (done.code, done.message) == (
        1,
        f"{tmp_path / 'none.json'} cannot be read: No such file or directory.",
    )
