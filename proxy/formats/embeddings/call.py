"""A request for embeddings as it came in: read strictly, its texts left as they are."""

from collections.abc import Mapping
from typing import Any

from core.errors import BadRequest
from core.rules.reserve import InputSize, measure_texts, texts_size
from proxy.formats.texts import read_texts
from proxy.model_call import (
    ModelCall,
    other_bytes,
    read_document,
    read_flag,
    read_model,
    read_whole,
    refuse_not_yet,
)
from proxy.routing.preferences import read_fallbacks, read_preferences

MAX_INPUTS = 2048
MAX_DIMENSIONS = 65_536
PACKINGS = ("float", "base64")


class EmbeddingsCall(ModelCall, frozen=True, kw_only=True):
    """A request for a vector for each of its texts. Vectors are no output: nothing of them is counted."""

    MODES = ("embedding",)

    inputs: int
    is_packed: bool  # vectors are wanted as base64 of 32-bit floats

    @classmethod
    def parse(cls, body: bytes) -> "EmbeddingsCall":
        """Read a request body. Raises BadRequest naming the field that is wrong."""
        document, fields = read_document(body, holding="input")
        refuse_not_yet(document)
        if read_flag(document, "stream"):
            raise BadRequest("Embeddings cannot be streamed. Leave stream out.", param="stream")
        read_whole(document, "dimensions", high=MAX_DIMENSIONS)
        model = read_model(document)
        texts = read_texts(document, "input", most=MAX_INPUTS)
        return cls(
            model=model,
            stream=False,
            max_tokens=None,
            max_tokens_name=None,
            content=measure_texts(texts, other_bytes=other_bytes(fields, beside="input")),
            fields=fields,
            echo_upstream_body=False,  # only streams can tell it
            preferences=read_preferences(document),
            fallbacks=read_fallbacks(document, model),
            inputs=len(texts),
            is_packed=_packing(document) == "base64",
        )

    def input_size(self, context: int | None, *, image_tokens: int | None = None) -> InputSize:  # noqa: ARG002  # text
        return texts_size(self.content, context=context)

    def output_bound(self, *, model_max: int | None, context: int | None, cap: int) -> int:  # noqa: ARG002
        return 0


def _packing(document: Mapping[str, Any]) -> str:
    packing = document.get("encoding_format")
    if packing is None:
        return "float"
    if not isinstance(packing, str) or packing not in PACKINGS:
        raise BadRequest(f"encoding_format must be one of {', '.join(PACKINGS)}.", param="encoding_format")
    return packing
