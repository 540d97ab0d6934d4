"""Reading PDFs beside the relay: each in a process of its own, bounded in everything it may take."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from core.errors import BadRequest, TooMany, Unavailable
from proxy.pdf.parts import Document

CHILD = Path(__file__).with_name("child.py")
AT_ONCE = 2
MOST_WAITING = 16  # calls; whoever comes then is asked to come again
MOST_OF_ONE = 4  # of them from one account: the others must not wait for all of its own
RETRY_AFTER_S = 5
MOST_TOLD = 16 << 20  # bytes a child may say, whatever became of it
_log = structlog.get_logger()
_UNBOUNDED = "It takes more memory or time to read than a document may."


class Bounds(msgspec.Struct, frozen=True):
    """What one document may take: `cpu_s` of work, `deadline_s` on the clock."""

    memory_bytes: int = 512 << 20
    cpu_s: int = 10
    deadline_s: float = 30
    pages: int = 200
    characters: int = 2_000_000


class Extract(msgspec.Struct, frozen=True):
    """What a child tells: how many pages there are, and the text of each where it was asked for."""

    pages: int = 0
    text: tuple[str, ...] = ()
    fault: str | None = None


_read_extract = msgspec.json.Decoder(Extract).decode


class Extractor:
    """Has documents read, a few at once."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._calls: Counter[UUID] = Counter()  # by account

    @asynccontextmanager
    async def turn(self, wallet_id: UUID) -> AsyncIterator[None]:
        """The turn of one call. Raises TooMany or Unavailable when too many wait for theirs."""
        if self._calls[wallet_id] >= MOST_OF_ONE:
            raise TooMany(
                f"{MOST_OF_ONE} calls of this account have PDFs being read. Send the next one later.",
                retry_after_s=RETRY_AFTER_S,
            )
        if self._calls.total() >= AT_ONCE + MOST_WAITING:
            raise Unavailable(
                "Too many PDFs are being read right now. Try again.", retry_after_s=RETRY_AFTER_S
            )
        self._calls[wallet_id] += 1
        try:
            async with self._slots:
                yield
        finally:
            self._calls -= Counter([wallet_id])

    async def pages(self, document: Document) -> tuple[str, ...]:
        """The text of each page. Raises BadRequest for a document that cannot be read, or holds none."""
        text = (await self._read(document, wants_text=True)).text
        if not any(text):
            raise _refusal(
                document,
                "It holds no text: it may be scanned. Have the engine mistral-ocr read it, or with native a "
                "model that takes files.",
            )
        return text

    def refuse_long(self, document: Document, pages: Iterable[str]) -> None:
        """Refuse what holds more text than a document may, whoever read it."""
        if sum(map(len, pages)) > self._bounds.characters:
            raise _refusal(document, self._reasons()["characters"])

    async def page_count(self, document: Document) -> int:
        """How many pages it has. Raises BadRequest for a document that cannot be read."""
        return (await self._read(document, wants_text=False)).pages

    async def _read(self, document: Document, *, wants_text: bool) -> Extract:
        if not document.data:
            raise _refusal(document, "It is empty.")
        try:
            async with asyncio.timeout(self._bounds.deadline_s):
                told = await self._told(document.data, wants_text=wants_text)
            extract = _read_extract(told)
        except (
            TimeoutError,
            msgspec.DecodeError,
        ):  # killed at one of its limits, or crashed on its way there
            raise _refusal(document, _UNBOUNDED) from None
        if extract.fault is not None:
            raise _refusal(document, self._reasons()[extract.fault])
        return extract

    async def _told(self, data: bytes, *, wants_text: bool) -> bytes:
        """What a child says of a document. It is gone when this ends, however it ends."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", str(CHILD), self._argument(wants_text=wants_text)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # what a parser complains of may be content
            env={},
            cwd="/",
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with suppress(ConnectionError):  # it died; what it said tells
                child.stdin.write(data)
                await child.stdin.drain()
            child.stdin.close()
            told = bytearray()
            while len(told) <= MOST_TOLD and (more := await child.stdout.read(1 << 16)):
                told += more
            if len(told) <= MOST_TOLD and await child.wait() != 0:
                _log.warning("pdf_reader_died", status=child.returncode)  # of a limit, or of itself
            return bytes(told)
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            while await child.stdout.read(1 << 16):  # a pipe is closed once it was read to its end
                pass
            await child.wait()

    def _argument(self, *, wants_text: bool) -> str:
        bounds = self._bounds
        return msgspec.json.encode(
            {
                "memory_bytes": bounds.memory_bytes,
                "cpu_s": bounds.cpu_s,
                "most_pages": bounds.pages,
                "most_characters": bounds.characters,
                "wants_text": wants_text,
            }
        ).decode()

    def _reasons(self) -> dict[str, str]:
        most = self._bounds
        return {
            "broken": "It is damaged, has no pages, or is no PDF.",
            "locked": "It is locked with a password. Send it without one.",
            "pages": f"It has more than {most.pages} pages. Send fewer of them.",
            "characters": f"It holds more than {most.characters} characters. Send fewer of its pages.",
        }


def _refusal(document: Document, reason: str) -> BadRequest:
    return BadRequest(f"{document.field} cannot be read. {reason}", param=document.field)
