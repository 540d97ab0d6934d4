"""Embeddings from a provider that speaks OpenAI's: as they came, but for usage. They are never streamed."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.charging.calls import Call
from proxy.answers import cost_fields, encode
from proxy.formats.embeddings.call import EmbeddingsCall
from proxy.formats.format import Bill
from proxy.meter import Meter
from proxy.model_call import ModelCall
from proxy.passages.passage import Passage
from proxy.providers.openai.embeddings import read_embeddings

read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class EmbeddingsPassage(Passage):
    def __init__(self, meter: Meter, *, inputs: int) -> None:
        super().__init__(meter)
        self._inputs = inputs
        self._stated: Mapping[str, Any] = {}
        self._fields: dict[str, Any] = {}

    @classmethod
    def of(cls, meter: Meter, _call: Call, asked: ModelCall) -> "EmbeddingsPassage":
        assert isinstance(asked, EmbeddingsCall)
        return cls(meter, inputs=asked.inputs)

    def read(self, body: bytes) -> None:
        usage, self._stated = read_embeddings(body, inputs=self._inputs)
        self.meter.reported = usage
        self.meter.is_odd = self._stated.get("total_tokens") not in (None, usage.input_tokens)
        self.meter.answered()
        self._fields = read_fields(body)  # each as it came

    def answer(self, bill: Bill) -> bytes:
        return encode({**self._fields, "usage": embeddings_usage(self._stated, bill)})


def embeddings_usage(stated: Mapping[str, Any], bill: Bill) -> dict[str, Any]:
    """The usage a client sees: the provider's own words where it had any, and what the call cost, in USD."""
    tokens = bill.ending.usage.input_tokens
    cost = cost_fields(bill.ending, bill.charge_n)
    return {"prompt_tokens": tokens, "total_tokens": tokens, **stated, **cost}
