import json
from datetime import date

from catalog.build import catalogue, main, models_of
from catalog.sources import read_table
from tests.catalog.rows import CHAT_ROW, table_text

AS_OF = date(2026, 11, 21)
SOURCES = [{"name": "litellm", "version": "1.2.3", "license": "MIT"}]
HOSTED = CHAT_ROW | {"litellm_provider": "deepinfra"}
ROWS = {
    "gpt-4o": CHAT_ROW,
    "gpt-4o-2024-11-20": CHAT_ROW,
    "gpt-3": CHAT_ROW | {"deprecation_date": "2026-01-01"},
    "deepinfra/openai/gpt-oss-20b": HOSTED,
    "groq/openai/gpt-oss-20b": CHAT_ROW | {"litellm_provider": "groq"},
    "deepinfra/microsoft/phi-4": HOSTED,
    "sample_spec": {"litellm_provider": "one of many"},
}


def built(rows):
    models, _ = models_of(read_table(table_text(**rows)), as_of=AS_OF)
    return catalogue(models, as_of=AS_OF, sources=SOURCES)


def test_one_model_is_listed_once_at_the_first_provider_that_has_it():
    models, left_out = models_of(read_table(table_text(**ROWS)), as_of=AS_OF)

    assert [(model["id"], model["provider"]) for model in models] == [
        ("microsoft/phi-4", "deepinfra"),
        ("openai/gpt-4o", "openai"),
        ("openai/gpt-oss-20b", "groq"),
    ]
    assert {(one.upstream_model, one.why) for one in left_out} == {
        ("gpt-4o-2024-11-20", "dated name of a listed alias at the same price"),
        ("gpt-3", "retired"),
        ("openai/gpt-oss-20b", "listed at another provider"),
    }


def test_the_same_rows_in_any_order_give_the_same_bytes():
    turned = dict(reversed(ROWS.items()))

    assert built(ROWS) == built(ROWS) == built(turned)


def test_every_model_has_a_line_of_its_own_and_the_whole_is_json():
    text = built(ROWS)

    parsed = json.loads(text)

    assert sum(line.startswith('{"id": ') for line in text.splitlines()) == len(parsed["models"]) == 3
    assert parsed["as_of"] == "2026-11-21"
    assert parsed["sources"] == SOURCES
    assert [provider["name"] for provider in parsed["providers"]] == ["openai", "groq", "deepinfra"]
    assert parsed["models"][1]["prices"] == {"input": "2.5", "output": "10"}


def build(rows, folder):
    """Run the script on rows instead of a download."""
    asked = ["--as-of", "2026-11-21", "--litellm", "1.2.3", "--out", str(folder)]
    return main(asked, fetch=lambda _: read_table(table_text(**rows)))


def test_a_build_writes_the_catalogue_and_its_report(tmp_path):
    status = build(ROWS, tmp_path)

    assert status == 0
    assert len(json.loads((tmp_path / "models.json").read_text())["models"]) == 3
    assert "3 models." in (tmp_path / "report.md").read_text()


def test_a_second_build_gives_the_same_bytes(tmp_path):
    build(ROWS, tmp_path)
    first = [path.read_bytes() for path in sorted(tmp_path.iterdir())]

    build(ROWS, tmp_path)

    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == first


def test_a_broken_rule_stops_the_build_and_nothing_is_written(tmp_path, capsys):
    rows = ROWS | {"gpt-4o": CHAT_ROW | {"max_input_tokens": 100}}

    status = build(rows, tmp_path)

    assert status == 1
    assert "openai/gpt-4o: context 100 is below 512" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
