"""The PDFs of a chat call, made readable before it is planned: what is held covers what the model reads."""

import asyncio
from collections.abc import Sequence

import msgspec

from core.rules.reserve import measure
from proxy.catalog import Snapshot
from proxy.chat_call import ChatCall
from proxy.model_call import ModelCall, other_bytes
from proxy.pdf.extraction import Extractor
from proxy.pdf.parts import Document, as_text, documents_in, with_texts
from proxy.pdf.plugins import Engine

TAKES_PDFS = frozenset({"file", "pdf"})


class PdfInputs:
    """Reads what the model of a call does not."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._looking = asyncio.Semaphore(1)  # into bodies, one by one: they may be large

    async def prepare(self, call: ModelCall, snapshot: Snapshot) -> ModelCall:
        """The call as it is to be planned. Raises BadRequest for a PDF that cannot be read."""
        if (
            not isinstance(call, ChatCall)
            or not call.content.unbounded
            or engine_of(call, snapshot) == "native"
        ):
            return call
        async with self._looking:
            documents = await asyncio.to_thread(documents_in, call.fields["messages"])
        if not documents:
            return call
        async with self._extractor.turn():
            pages = [await self._extractor.pages(document) for document in documents]
            return await asyncio.to_thread(with_pages, call, documents, pages)


def engine_of(call: ChatCall, snapshot: Snapshot) -> Engine:
    """Who reads the PDFs of a call: who it says, else the model, if all that may serve it take files."""
    if call.pdf_engine is not None:
        return call.pdf_engine
    models = [model for name in call.models if (model := snapshot.models.get(name)) is not None]
    takes = all(not TAKES_PDFS.isdisjoint(model.input_modalities) for model in models)
    return "native" if takes else "pdf-text"


def with_pages(call: ChatCall, documents: Sequence[Document], pages: Sequence[Sequence[str]]) -> ChatCall:
    """The call with the text of its documents in their place, measured anew."""
    texts = [(one, as_text(one.name, found)) for one, found in zip(documents, pages, strict=True)]
    messages = with_texts(call.fields["messages"], texts)
    fields = {**call.fields, "messages": messages}
    content = measure(msgspec.json.decode(messages), extra_bytes=other_bytes(fields))
    return msgspec.structs.replace(call, fields=fields, content=content)
