import pytest

from catalog.build import FOLDER
from catalog.image_tokens import FAMILIES, image_tokens


@pytest.mark.parametrize(
    ("model_id", "tokens"),
    [
        ("anthropic/claude-sonnet-4.6", 1_600),
        ("anthropic/claude-opus-4.7", 4_784),
        ("anthropic/claude-sonnet-5", 4_784),
        ("openai/gpt-4o", 1_445),
        ("openai/gpt-4o-mini", 48_169),
        ("openai/gpt-4.1-nano", 3_779),
        ("openai/gpt-5", 3_779),
        ("openai/gpt-5-mini", 3_779),
        ("openai/gpt-5.1", 3_779),
        ("openai/gpt-5.2", 12_000),
        ("openai/gpt-6-sol", 12_000),
        ("google/gemini-3.5-flash", 2_240),
        ("mistralai/pixtral-large-latest", 4_160),
        ("qwen/qwen3-vl-plus", 16_384),
        ("google/gemini-2.5-pro", None),
        ("acme/gpt-4o", None),
    ],
)
def test_a_model_makes_of_an_image_what_its_family_does(model_id, tokens):
    assert image_tokens(model_id) == tokens


def test_who_says_so_is_named_in_the_notice():
    notice = " ".join((FOLDER / "NOTICE.md").read_text(encoding="utf-8").split())

    assert all(family.source in notice for family in FAMILIES)
