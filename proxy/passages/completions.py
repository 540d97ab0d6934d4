"""OpenAI's older completions from a provider that speaks them: as chat completions, but for their names."""

from core.charging.calls import Call
from proxy.formats.completions.call import CompletionsCall
from proxy.formats.completions.writer import COMPLETION_CHUNK
from proxy.meter import Meter
from proxy.model_call import ModelCall
from proxy.passages.chat import ChatPassage
from proxy.providers.openai import Frame


class CompletionsPassage(ChatPassage):
    """`echoed_bytes` is how much of the text is no output: the prompts, repeated before what goes on."""

    SHAPE = COMPLETION_CHUNK

    def __init__(self, meter: Meter, call: Call, *, echoed_bytes: int = 0) -> None:
        super().__init__(meter, call)
        self._echoed_bytes = echoed_bytes

    @classmethod
    def of(cls, meter: Meter, call: Call, asked: ModelCall) -> "CompletionsPassage":
        assert isinstance(asked, CompletionsCall)
        return cls(meter, call, echoed_bytes=asked.echoed_bytes)

    def _count(self, frame: Frame) -> None:
        echoed = min(frame.produced_bytes, self._echoed_bytes)
        self._echoed_bytes -= echoed
        super()._count(frame._replace(produced_bytes=frame.produced_bytes - echoed))
