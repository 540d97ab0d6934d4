"""Where calls to OpenAI-compatible providers go, and what stands above them."""

CHAT_PATH = "/chat/completions"
COMPLETIONS_PATH = "/completions"
EMBEDDINGS_PATH = "/embeddings"


def headers(api_key: str) -> dict[str, str]:
    """What a provider is told beside the body and the request id. Nothing of it comes from the client."""
    return {
        "Authorization": f"Bearer {api_key}",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "BazaarLink",
    }
