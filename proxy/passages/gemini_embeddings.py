"""Gemini's embeddings for a client that speaks OpenAI's. Where no usage is told, an estimate is charged."""

from typing import Any

from core.charging.calls import Call
from proxy.answers import encode
from proxy.formats.embeddings.call import EmbeddingsCall
from proxy.formats.format import Bill
from proxy.meter import Meter
from proxy.model_call import ModelCall
from proxy.passages.embeddings import embeddings_usage
from proxy.passages.passage import Passage
from proxy.providers.gemini.embeddings import packed, read_embeddings


class GeminiEmbeddingsPassage(Passage):
    def __init__(self, meter: Meter, *, inputs: int, is_packed: bool) -> None:
        super().__init__(meter)
        self._inputs, self._is_packed = inputs, is_packed
        self._vectors: list[Any] = []

    @classmethod
    def of(cls, meter: Meter, _call: Call, asked: ModelCall) -> "GeminiEmbeddingsPassage":
        assert isinstance(asked, EmbeddingsCall)
        return cls(meter, inputs=asked.inputs, is_packed=asked.is_packed)

    def read(self, body: bytes) -> None:
        vectors, usage = read_embeddings(body, inputs=self._inputs)
        self._vectors = [packed(vector) if self._is_packed else vector for vector in vectors]
        self.meter.reported = usage
        self.meter.answered()

    def answer(self, bill: Bill) -> bytes:
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(self._vectors)
        ]
        model = self.meter.plan.model.id
        return encode({"object": "list", "data": data, "model": model, "usage": embeddings_usage({}, bill)})
