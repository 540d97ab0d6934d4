"""Names that people give to things."""

from core.errors import BadRequest

MAX_NAME = 100


def clean_name(name: str) -> str:
    """The name as it is kept. Raises BadRequest for one that cannot be shown."""
    text = "".join(c for c in name if c.isprintable()).strip()
    if not 1 <= len(text) <= MAX_NAME:
        raise BadRequest(f"The name must have 1 to {MAX_NAME} characters.", param="name")
    return text
