"""Mistral's OCR: a document goes there whole, its pages come back as Markdown."""

import asyncio
import base64
from typing import Any, NoReturn

import msgspec

from core.errors import UpstreamFailed
from proxy.crossing import Outgoing
from proxy.pdf.parts import Document
from proxy.pdf.places import HEAD
from proxy.pdf.scan import Scan
from proxy.running import Charge
from proxy.upstream.connection import Connection
from proxy.upstream.heads import CLIENTS_FAULT, Unusable, check, refuse
from proxy.upstream.offers import Line
from proxy.upstream.reader import BrokenOff
from proxy.upstream.reasons import failure

PATH = "/ocr"
MAX_ANSWER = 32 << 20


class Page(msgspec.Struct, frozen=True):
    index: int
    markdown: str


class Reading(msgspec.Struct, frozen=True):
    """What came of a document. What it used is what somebody else says: it may be anything."""

    pages: tuple[Page, ...]
    usage_info: Any = None

    @property
    def text(self) -> tuple[str, ...]:
        return tuple(page.markdown for page in sorted(self.pages, key=lambda page: page.index))

    def pages_to_pay(self, counted: int) -> tuple[int, bool]:
        """What the provider states, at most what there was to read; and whether that is in dispute."""
        stated = self.usage_info.get("pages_processed") if isinstance(self.usage_info, dict) else None
        if type(stated) is int and 0 <= stated <= counted:
            return stated, False
        return counted, stated is not None


_read_reading = msgspec.json.Decoder(Reading).decode


async def read(line: Line, scan: Scan, document: Document, charge: Charge) -> Reading:
    """Have a document read. Raises UpstreamFailed, or BadRequest for what the provider finds wrong."""
    body = await asyncio.to_thread(_body, scan, document)
    try:
        head = line.head_for(Outgoing(PATH, body), request_id=charge.call.request_id)
        connection = await line.pool.ask(head, body, is_plain=True)
    except Unusable as error:
        _fail(scan, document, str(error))
    except (BrokenOff, OSError) as error:
        _fail(scan, document, failure(error))
    try:
        told = await _told(connection, scan, document)
    except BaseException:
        connection.close()
        raise
    line.pool.give_back(connection)
    try:
        return await asyncio.to_thread(_read_reading, told)
    except (msgspec.DecodeError, RecursionError):
        _fail(scan, document, "sent what is no answer of an OCR model")


async def _told(connection: Connection, scan: Scan, document: Document) -> bytes:
    provider = scan.offer.provider
    try:
        if connection.head.status in CLIENTS_FAULT:
            await refuse(connection, provider)
        check(connection.head, provider, stream=False)
        return await connection.whole(MAX_ANSWER)
    except Unusable as error:
        _fail(scan, document, str(error))
    except (BrokenOff, TimeoutError):
        _fail(scan, document, "the answer broke off")


def _body(scan: Scan, document: Document) -> bytes:
    url = HEAD + base64.b64encode(document.data).decode()
    return msgspec.json.encode(
        {"model": scan.offer.upstream_model, "document": {"type": "document_url", "document_url": url}}
    )


def _fail(scan: Scan, document: Document, reason: str) -> NoReturn:
    name = scan.offer.provider.name
    raise UpstreamFailed(
        f"The provider {name} could not read {document.field}: {reason}. Try again, or use another engine.",
        metadata={"provider_name": name, "reason": reason},
    ) from None
