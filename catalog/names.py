"""Model ids as clients write them, from the names providers use."""

import re

from catalog.providers import Provider

# hosts and their makers spell authors their own way
_AUTHORS = {
    "bytedance": "bytedance-seed",
    "deepseek-ai": "deepseek",
    "meta-models": "meta",
    "minimaxai": "minimax",
    "stepfun-ai": "stepfun",
    "thudm": "z-ai",
    "togethercomputer": "together",
    "xiaomimimo": "xiaomi",
    "zai-org": "z-ai",
}
_BARE_AUTHORS = {"whisper": "openai"}
_DATE = re.compile(r"-(20\d\d-\d\d-\d\d|20\d{6}|\d{6}|\d{4}|\d\d-20\d\d|latest)$")
_CLAUDE = re.compile(r"^(claude-[a-z]+)-(\d+)-(\d{1,2})((?:-\d{8})?)$")
_SEED = re.compile(r"^doubao-(seed|seedance)-(\d)-(\d)((?:-[a-z]+)*)-\d{6}$")
_WAN = re.compile(r"^wan(\d\.\d)-(t2v|i2v|r2v|video)(-prime)?$")
# "Meta-Llama-3.1" and "NVIDIA-Nemotron" name their maker twice
_HOUSE = re.compile(r"^(meta-(?=llama)|nvidia-)")
# "4o", "o3" and "8x7b" have a small letter in the middle of a number
_AS_WRITTEN = re.compile(r"^(\d+o|o\d+|\d+x\d+b)$")
# an undated name the documentation uses, for a provider that only lists dated ones
_RENAMED = {"openai/gpt-4o-audio-preview-2025-06-03": "openai/gpt-4o-audio-preview"}
_SPELLED = {
    "gpt": "GPT", "glm": "GLM", "oss": "OSS", "tts": "TTS", "ocr": "OCR", "vl": "VL", "ai": "AI", "er": "ER",
    "deepseek": "DeepSeek", "minimax": "MiniMax", "qwq": "QwQ", "it": "IT", "api": "API", "hd": "HD",
    "chatgpt": "ChatGPT",
    "t2v": "T2V", "i2v": "I2V", "r2v": "R2V", "mimo": "MiMo", "ernie": "ERNIE", "baai": "BAAI", "bge": "BGE",
}  # fmt: skip


def upstream_name(provider: Provider, key: str) -> str:
    """Cut litellm's provider prefix; the rest is the provider's own spelling."""
    prefix = next((prefix for prefix in provider.prefixes if key.startswith(prefix)), "")
    return key.removeprefix(prefix)


def model_id(provider: Provider, upstream: str) -> str:
    """Say under which id a client asks for the provider's model."""
    author, name = _split(provider, upstream.lower())
    if match := _CLAUDE.match(name):
        name = f"{match[1]}-{match[2]}.{match[3]}{match[4]}"
    if match := _SEED.match(name):
        author = "bytedance" if match[1] == "seedance" else author
        name = f"{match[1]}-{match[2]}.{match[3]}{match[4]}"
    if match := _WAN.match(name):
        shape = "" if match[2] in {"t2v", "video"} else f"-{match[2]}"
        author, name = "alibaba", f"wan-{match[1]}{shape}{match[3] or ''}"
    if name.startswith("happyhorse"):
        author = "alibaba"
    found = f"{author}/{name}"
    return _RENAMED.get(found, found)


def undated(name: str) -> str:
    """Cut a release date or "latest" from the end of a name."""
    return _DATE.sub("", name)


def title_of(found: str) -> str:
    """Write an id's second half for people: `gpt-4.1-mini` -> `GPT-4.1 Mini`."""
    words = [_word(word) for word in found.partition("/")[2].replace("_", "-").split("-") if word]
    return " ".join(words).replace("GPT ", "GPT-", 1)


def _split(provider: Provider, name: str) -> tuple[str, str]:
    if provider.author:
        return provider.author, name
    author, slash, rest = name.partition("/")
    if not slash:
        return _BARE_AUTHORS.get(name.partition("-")[0], provider.name), name
    author = _AUTHORS.get(author, author)
    return author, _HOUSE.sub("", rest).removesuffix("-fp8").replace("_", "-")


def _word(word: str) -> str:
    if word in _SPELLED:
        return _SPELLED[word]
    if _AS_WRITTEN.match(word):
        return word
    if word[0].isdigit() or (word[0] in "avkmre" and word[1:2].isdigit()):
        return word.upper()
    return word[0].upper() + word[1:]
