"""The PDFs of a call, made readable before its model gets it.

What is read here is read before the call is planned. What an OCR model reads costs money, and so is read once
the call is admitted: planned by the number of its pages, and by all the text its model can take.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

import msgspec

from core.errors import Refused
from core.rules.reserve import measure
from proxy.catalog import Snapshot
from proxy.meter import Paid
from proxy.model_call import ModelCall, other_bytes
from proxy.pdf import ocr
from proxy.pdf.call import DocumentCall
from proxy.pdf.extraction import Extractor
from proxy.pdf.parts import Document, as_text, documents_in, with_texts
from proxy.pdf.plugins import Engine
from proxy.pdf.scan import Scan, reader_in
from proxy.running import Charge
from proxy.upstream.offers import Upstreams

TAKES_PDFS = frozenset({"file", "pdf"})
T = TypeVar("T")


class PdfInputs:
    """Has read what the model of a call does not read itself."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._looking = asyncio.Semaphore(1)  # into bodies, one by one: they may be large

    async def prepare(self, call: ModelCall, snapshot: Snapshot, *, wallet_id: UUID) -> ModelCall:
        """The call as it is to be planned. Raises BadRequest for a PDF that cannot be read."""
        engine = engine_of(call, snapshot)
        if not isinstance(call, DocumentCall) or engine == "native":
            return call
        messages = call.fields[call.PLACES.field]
        async with self._looking:
            documents = await asyncio.to_thread(documents_in, messages, call.PLACES)
        if not documents:
            return call
        if engine == "mistral-ocr":
            return await self._to_scan(call, documents, snapshot, wallet_id)
        async with self._extractor.turn(wallet_id):
            read = [(document, await self._extractor.pages(document)) for document in documents]
        return await asyncio.to_thread(with_pages, call, messages, read)

    async def scanned(self, call: ModelCall, charge: Charge, upstreams: Upstreams) -> ModelCall:
        """The call with what an OCR model was to read for it. What is read is paid, whatever comes after."""
        if not isinstance(call, DocumentCall) or call.scan is None:
            return call
        scan, read = call.scan, []
        for document, count in scan.counts:
            pages = await to_its_end(_paid_pages(scan, document, count, charge, upstreams))
            self._extractor.refuse_long(document, pages)
            read.append((document, pages))
        made = await asyncio.to_thread(with_pages, call, scan.messages, read)
        made = msgspec.structs.replace(made, scan=None, extra_n=charge.meter.paid.cost.charge_n)
        charge.meter.plan = charge.meter.plan.measured(made)
        return made

    async def _to_scan(
        self, call: DocumentCall, documents: Sequence[Document], snapshot: Snapshot, wallet_id: UUID
    ) -> DocumentCall:
        """The call with its pages counted and priced. How much text they hold, only its model bounds."""
        reader, offer = reader_in(snapshot)
        async with self._extractor.turn(wallet_id):
            counts = tuple([(one, await self._extractor.page_count(one)) for one in documents])
        messages = call.fields[call.PLACES.field]
        scan = Scan(offer=offer, terms=reader.terms, messages=messages, counts=counts)
        texts = [(document, as_text(document.name, ())) for document in documents]
        fields = {**call.fields, call.PLACES.field: with_texts(messages, texts, call.PLACES)}
        return msgspec.structs.replace(call, fields=fields, scan=scan, extra_n=scan.most.charge_n)


def engine_of(call: ModelCall, snapshot: Snapshot) -> Engine:
    """Who reads the PDFs of a call: who it says, else the model, if all that may serve it take files."""
    if not isinstance(call, DocumentCall) or not call.content.unbounded:
        return "native"  # it holds none
    if call.pdf_engine is not None:
        return call.pdf_engine
    models = [model for name in call.models if (model := snapshot.models.get(name)) is not None]
    takes = all(not TAKES_PDFS.isdisjoint(model.input_modalities) for model in models)
    return "native" if takes else "pdf-text"


def models_of(call: ModelCall, snapshot: Snapshot) -> tuple[str, ...]:
    """The models a call uses: those it names, and the one that reads for it. Raises Unavailable."""
    if engine_of(call, snapshot) != "mistral-ocr":
        return call.models
    reader, _ = reader_in(snapshot)
    return (*call.models, reader.id)


def with_pages(
    call: DocumentCall, messages: msgspec.Raw, read: Iterable[tuple[Document, Sequence[str]]]
) -> DocumentCall:
    """The call with the text of its documents in their place, measured anew."""
    places = call.PLACES
    texts = [(document, as_text(document.name, pages)) for document, pages in read]
    fields = {**call.fields, places.field: with_texts(messages, texts, places)}
    told, beside = msgspec.json.decode(fields[places.field]), other_bytes(fields, beside=places.field)
    content = measure(told, extra_bytes=beside, parts=places.measured)
    return msgspec.structs.replace(call, fields=fields, content=content)


async def _paid_pages(
    scan: Scan, document: Document, count: int, charge: Charge, upstreams: Upstreams
) -> tuple[str, ...]:
    """What stands on the pages of a document, paid with all that were read before it: rounded up once."""
    provider = scan.offer.provider
    reading = await ocr.read(upstreams.line(provider), scan, document, charge)
    before = charge.meter.paid
    pages, disputed = reading.pages_to_pay(count)
    pages += before.pages
    charge.meter.paid = Paid(provider.name, pages, scan.cost_of(pages), disputed or before.disputed)
    return reading.text


async def to_its_end(work: Coroutine[object, object, T]) -> T:
    """Let work come to its end though the client leaves: the provider bills it, so it is to be charged."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(Refused):
            await task
        raise
