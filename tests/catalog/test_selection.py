from datetime import date

import pytest

from catalog.selection import is_too_fine, why_not_listed, why_not_read, without_dated
from tests.catalog.rows import CHAT_ROW, chat_model

AS_OF = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("provider", "upstream", "changes", "why"),
    [
        ("openai", "gpt-4o", {}, ""),
        ("openai", "gpt-4o", {"deprecation_date": "2026-11-22"}, ""),
        ("openai", "gpt-4o", {"deprecation_date": "2026-11-21"}, "retired"),
        ("openai", "gpt-realtime", {"mode": "realtime"}, "mode realtime is not served"),
        ("openai", "ft:gpt-4o", {}, "alias, tool or legacy name"),
        ("openai", "gpt-live", {"supported_endpoints": ["/v1/realtime"]}, "no endpoint of ours"),
        ("openai", "gpt-4o", {"supported_endpoints": ["/v1/batch", "/v1/chat/completions"]}, ""),
        ("perplexity", "openai/gpt-5.2", {}, "alias, tool or legacy name"),
        ("perplexity", "sonar-pro", {}, "alias, tool or legacy name"),
        ("openai", "gpt-4o-search-preview", {}, "alias, tool or legacy name"),
    ],
)
def test_a_row_is_read_or_refused_with_a_reason(provider, upstream, changes, why):
    row = CHAT_ROW | changes

    found = why_not_read(provider, upstream, row, as_of=AS_OF)

    assert found == why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"prices": {"input": "1"}}, "no price"),
        ({"prices": {"input": "0", "output": "0"}}, "price 0 in the source"),
        ({"prices": {"input": "1", "output": "0"}}, "price 0 in the source"),
        ({"id": "z-ai/glm-4.5-flash", "prices": {"input": "0", "output": "0"}}, ""),
        ({"context": None}, "no context length"),
        ({"mode": "embedding", "prices": {"input": "0.1"}, "context": None}, ""),
        ({"mode": "image", "prices": {"input": "5"}}, "no price"),
        ({"mode": "video", "prices": {"video_second": "0.1"}, "context": None}, ""),
        ({"prices": {"input": "0.45000000000000003", "output": "1"}}, "price finer than a nano-dollar"),
    ],
)
def test_a_model_without_what_its_mode_needs_is_not_listed(changes, why):
    model = chat_model(**changes)

    found = why_not_listed(model, hosted=False)

    assert found == why


def test_a_closed_model_is_listed_at_its_maker_only():
    model = chat_model(id="anthropic/claude-opus-5")

    assert why_not_listed(model, hosted=True) == "a closed model is called at its maker"
    assert why_not_listed(model, hosted=False) == ""


def test_a_dated_double_goes_when_its_alias_costs_the_same():
    alias, dated = chat_model(), chat_model(id="openai/gpt-4o-2024-11-20")
    dearer = chat_model(id="openai/gpt-4o-2024-05-13", prices={"input": "5", "output": "15"})

    kept, doubles = without_dated([alias, dated, dearer])

    assert kept == [alias, dearer]
    assert doubles == [dated]


def test_a_latest_name_stands_for_its_dated_ones():
    latest = chat_model(id="mistralai/codestral-latest")
    dated = chat_model(id="mistralai/codestral-2508")

    kept, _ = without_dated([dated, latest])

    assert kept == [latest]


def test_a_dated_name_that_the_documentation_uses_stays():
    alias = chat_model(id="openai/gpt-4o-mini-tts")
    documented = chat_model(id="openai/gpt-4o-mini-tts-2025-12-15")

    kept, doubles = without_dated([alias, documented])

    assert kept == [alias, documented]
    assert doubles == []


def test_nano_dollars_are_fine_enough_and_less_is_not():
    assert not is_too_fine("0.141942857")
    assert is_too_fine("0.1419428571")
