"""What the names of models tell. One that is not known to be old is taken for new: gemini-flash-latest is."""


def is_before_gemini_3(model: str) -> bool:
    """Say whether a model thinks by a budget of tokens, and calls functions without signing them."""
    return model.startswith(("gemini-1.", "gemini-2."))


def wants_signed_calls(model: str) -> bool:
    """Say whether a model refuses a conversation in which a function is called without a signature."""
    return model.startswith("gemini-") and not is_before_gemini_3(model)
