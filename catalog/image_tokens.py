"""The most tokens a model makes of one image, as its maker documents it.

Of a model in no family nothing is known: then as much is held as those make of one that look closest. An
image that is to be looked at pixel by pixel (detail "original") has no bound but the context.
"""

import re
from typing import NamedTuple


class Family(NamedTuple):
    """Models whose ids match, the first family that does. `source`: who says so, and where."""

    ids: re.Pattern[str]
    tokens: int
    source: str


_CLAUDE = 'Anthropic, guide "Vision"'
_OPENAI = 'OpenAI, guide "Images and vision"'
FAMILIES = (
    # Scaled down to 1,568 pixels and about 1,600 tokens; since 4.7 to 2,576 pixels and 4,784 tokens.
    Family(re.compile(r"anthropic/claude-[a-z]+-4\.[0-6]$"), 1_600, _CLAUDE),
    Family(re.compile(r"anthropic/claude-"), 4_784, _CLAUDE),
    # Tiles of 512 pixels within 2,048 x 768, so at most 8, and a base: 2,833 + 8 x 5,667, and 85 + 8 x 170.
    Family(re.compile(r"openai/gpt-4o-mini"), 48_169, _OPENAI),
    Family(re.compile(r"openai/gpt-4o"), 1_445, _OPENAI),
    # Patches of 32 pixels, at most 1,536, times 2.46 with the smallest; those with tiles come to less.
    Family(re.compile(r"openai/(gpt-4\.1|gpt-5(\.[01])?(-|$)|o3)"), 3_779, _OPENAI),
    # At most 10,000 patches, times 1.2.
    Family(re.compile(r"openai/gpt-(5\.|6)"), 12_000, _OPENAI),
    Family(re.compile(r"google/gemini-3"), 2_240, 'Google, guide "Media resolution" of the Gemini API'),
    # 64 rows of 64 patches, and what ends each row.
    Family(re.compile(r"mistralai/pixtral-"), 4_160, "Mistral AI, image processor of Pixtral"),
    Family(re.compile(r"qwen/"), 16_384, "Alibaba, model cards of Qwen-VL"),
)


def image_tokens(model_id: str) -> int | None:
    """What is known of a model that takes images."""
    return next((family.tokens for family in FAMILIES if family.ids.match(model_id)), None)
