import pytest

from catalog.names import model_id, title_of, undated, upstream_name
from catalog.providers import PROVIDERS

BY_NAME = {provider.name: provider for provider in PROVIDERS}


@pytest.mark.parametrize(
    ("provider", "key", "upstream", "expected"),
    [
        ("openai", "gpt-4.1", "gpt-4.1", "openai/gpt-4.1"),
        ("anthropic", "claude-sonnet-4-6", "claude-sonnet-4-6", "anthropic/claude-sonnet-4.6"),
        ("anthropic", "claude-opus-5", "claude-opus-5", "anthropic/claude-opus-5"),
        (
            "anthropic",
            "claude-opus-4-6-20260205",
            "claude-opus-4-6-20260205",
            "anthropic/claude-opus-4.6-20260205",
        ),
        ("google", "gemini/gemini-2.5-flash", "gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("minimax", "minimax/MiniMax-M2.5", "MiniMax-M2.5", "minimax/minimax-m2.5"),
        ("alibaba", "qwencloud/wan2.7-t2v", "wan2.7-t2v", "alibaba/wan-2.7"),
        ("alibaba", "qwencloud/wan2.7-i2v", "wan2.7-i2v", "alibaba/wan-2.7-i2v"),
        ("alibaba", "qwencloud/qwen3-max", "qwen3-max", "qwen/qwen3-max"),
        (
            "volcengine",
            "volcengine/doubao-seedance-2-0-fast-260128",
            "doubao-seedance-2-0-fast-260128",
            "bytedance/seedance-2.0-fast",
        ),
        (
            "volcengine",
            "volcengine/doubao-seed-2-1-pro-260915",
            "doubao-seed-2-1-pro-260915",
            "bytedance-seed/seed-2.1-pro",
        ),
        (
            "deepinfra",
            "deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct",
            "meta-llama/Meta-Llama-3.1-8B-Instruct",
            "meta-llama/llama-3.1-8b-instruct",
        ),
        ("together", "together_ai/zai-org/GLM-5.3", "zai-org/GLM-5.3", "z-ai/glm-5.3"),
        ("groq", "groq/whisper-large-v3", "whisper-large-v3", "openai/whisper-large-v3"),
        (
            "openai",
            "gpt-4o-audio-preview-2025-06-03",
            "gpt-4o-audio-preview-2025-06-03",
            "openai/gpt-4o-audio-preview",
        ),
    ],
)
def test_a_row_gets_the_id_clients_know_and_keeps_the_providers_spelling(provider, key, upstream, expected):
    found = upstream_name(BY_NAME[provider], key)

    assert found == upstream
    assert model_id(BY_NAME[provider], found) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("claude-opus-4.6-20260205", "claude-opus-4.6"),
        ("mistral-large-2512", "mistral-large"),
        ("command-r-08-2024", "command-r"),
        ("mistral-large-latest", "mistral-large"),
        ("gpt-4.1", "gpt-4.1"),
        ("veo-3.1-generate-001", "veo-3.1-generate-001"),
    ],
)
def test_a_release_date_is_cut_and_a_version_is_not(name, expected):
    assert undated(name) == expected


@pytest.mark.parametrize(
    ("found", "title"),
    [
        ("openai/gpt-4.1-mini", "GPT-4.1 Mini"),
        ("openai/gpt-4o", "GPT-4o"),
        ("openai/o3", "o3"),
        ("anthropic/claude-sonnet-4.6", "Claude Sonnet 4.6"),
        ("meta-llama/llama-3.1-8b-instruct", "Llama 3.1 8B Instruct"),
        ("mistralai/mixtral-8x7b", "Mixtral 8x7b"),
        ("deepseek/deepseek-v4-pro", "DeepSeek V4 Pro"),
    ],
)
def test_titles_read_as_people_write_them(found, title):
    assert title_of(found) == title
