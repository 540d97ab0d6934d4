"""Where the models of the catalogue are called, and which rows of litellm's table describe them.

The order decides: a model offered by several providers is listed at the first one, its maker before a host.
A base URL is the provider's OpenAI-compatible endpoint, unless its kind is another dialect;
a provider with neither is left out.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `author` is the first half of its model ids; a host has none: its names carry it."""

    name: str
    title: str
    base_url: str
    key_env: str
    author: str
    litellm: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    genai: str = ""
    kind: str = "openai"


PROVIDERS = (
    Provider(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        "openai",
        ("openai",),
        genai="openai",
    ),
    Provider(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        "anthropic",
        ("anthropic",),
        genai="anthropic",
        kind="anthropic",
    ),
    Provider(
        "google",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        "google",
        ("gemini",),
        ("gemini/",),
        genai="google",
    ),
    Provider(
        "mistral",
        "Mistral AI",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        "mistralai",
        ("mistral",),
        ("mistral/",),
        genai="mistral",
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        "deepseek",
        ("deepseek",),
        ("deepseek/",),
        genai="deepseek",
    ),
    Provider("xai", "xAI", "https://api.x.ai/v1", "XAI_API_KEY", "x-ai", ("xai",), ("xai/",), genai="x-ai"),
    Provider(
        "cohere",
        "Cohere",
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_API_KEY",
        "cohere",
        ("cohere_chat", "cohere"),
        ("cohere/",),
        genai="cohere",
    ),
    Provider(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        "PERPLEXITY_API_KEY",
        "perplexity",
        ("perplexity",),
        ("perplexity/",),
        genai="perplexity",
    ),
    # qwencloud is Alibaba's international region; dashscope fills in what that table lacks
    Provider(
        "alibaba",
        "Alibaba Model Studio",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        "qwen",
        ("qwencloud", "dashscope"),
        ("qwencloud/", "dashscope/"),
    ),
    Provider(
        "moonshot",
        "Moonshot AI",
        "https://api.moonshot.ai/v1",
        "MOONSHOT_API_KEY",
        "moonshotai",
        ("moonshot",),
        ("moonshot/",),
        genai="moonshotai",
    ),
    Provider(
        "zai", "Z.AI", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", "z-ai", ("zai",), ("zai/",), genai="zai"
    ),
    Provider(
        "minimax",
        "MiniMax",
        "https://api.minimax.io/v1",
        "MINIMAX_API_KEY",
        "minimax",
        ("minimax",),
        ("minimax/",),
        genai="minimax",
    ),
    Provider("ai21", "AI21 Labs", "https://api.ai21.com/studio/v1", "AI21_API_KEY", "ai21", ("ai21",)),
    Provider(
        "voyage",
        "Voyage AI",
        "https://api.voyageai.com/v1",
        "VOYAGE_API_KEY",
        "voyage",
        ("voyage",),
        ("voyage/",),
        genai="voyageai",
    ),
    Provider(
        "amazon",
        "Amazon Nova",
        "https://api.nova.amazon.com/v1",
        "NOVA_API_KEY",
        "amazon",
        ("amazon_nova",),
        ("amazon-nova/",),
    ),
    Provider(
        "meta", "Meta", "https://api.meta.ai/v1", "META_API_KEY", "meta", ("meta",), ("meta/",), genai="meta"
    ),
    Provider(
        "volcengine",
        "Volcengine Ark",
        "https://ark.cn-beijing.volces.com/api/v3",
        "ARK_API_KEY",
        "bytedance-seed",
        ("volcengine",),
        ("volcengine/",),
    ),
    Provider(
        "xiaomi",
        "Xiaomi MiMo",
        "https://api.xiaomimimo.com/v1",
        "XIAOMI_MIMO_API_KEY",
        "xiaomi",
        ("xiaomi_mimo",),
        ("xiaomi_mimo/",),
    ),
    Provider(
        "inception",
        "Inception",
        "https://api.inceptionlabs.ai/v1",
        "INCEPTION_API_KEY",
        "inception",
        ("inception",),
        ("inception/",),
    ),
    Provider(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        "",
        ("groq",),
        ("groq/",),
        genai="groq",
    ),
    Provider(
        "together",
        "Together AI",
        "https://api.together.xyz/v1",
        "TOGETHER_API_KEY",
        "",
        ("together_ai",),
        ("together_ai/",),
        genai="together",
    ),
    Provider(
        "deepinfra",
        "DeepInfra",
        "https://api.deepinfra.com/v1/openai",
        "DEEPINFRA_API_KEY",
        "",
        ("deepinfra",),
        ("deepinfra/",),
    ),
    Provider(
        "novita",
        "Novita AI",
        "https://api.novita.ai/v3/openai",
        "NOVITA_API_KEY",
        "",
        ("novita",),
        ("novita/",),
        genai="novita",
    ),
)
