"""Documents read beside the relay, each in a process that is bounded, and gone afterwards."""

import asyncio
import os
from pathlib import Path
from uuid import uuid4

import pytest

from core.errors import BadRequest, TooMany, Unavailable
from proxy.pdf import extraction
from proxy.pdf.extraction import Bounds, Extractor
from proxy.pdf.parts import Document
from tests.proxy.conftest import until
from tests.proxy.pdf.documents import bomb, pdf

SLOW = bomb(40)  # seconds of work, within the memory there is


def of(data):
    return Document(2, ("content", 1), "messages[2].content[1].file.file_data", "a.pdf", data)


def children():
    """The readers this process has started and that are not gone yet."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in found if "child.py" in read(f"/proc/{pid}/cmdline")]


def left():
    """What readers may leave behind: processes nobody has asked how they ended, and pipes that are open."""
    zombies = {path for path in Path("/proc").glob("[0-9]*") if f") Z {os.getpid()} " in read(path / "stat")}
    return zombies | {link for path in Path("/proc/self/fd").iterdir() if "pipe:" in (link := name(path))}


def read(path):
    """The text of a file; nothing, when its process goes meanwhile."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def name(path):
    try:
        return path.readlink().name
    except OSError:
        return ""


@pytest.fixture
def extractor():
    return Extractor(Bounds())


async def test_the_pages_of_a_document_are_told(extractor):
    assert await extractor.pages(of(pdf("one", "two"))) == ("one", "two")
    assert await extractor.page_count(of(pdf("one", "two"))) == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "It is empty"),
        (pdf("x")[:200], "damaged"),
        (pdf("x", password="y"), "password"),
        (pdf(b""), "mistral-ocr"),
        (pdf(b"", b""), "scanned"),
        (pdf(*"x" * 201), "more than 200 pages"),
        (bomb(300), "memory or time"),
    ],
    ids=["empty", "damaged", "locked", "without a word", "without words", "too many pages", "a bomb"],
)
async def test_what_cannot_be_read_is_refused_by_name_and_with_what_to_do(extractor, data, reason):
    with pytest.raises(BadRequest, match=reason) as refused:
        await extractor.pages(of(data))

    assert refused.value.param == "messages[2].content[1].file.file_data"
    assert refused.value.message.startswith(refused.value.param)


async def test_a_scanned_document_has_pages_to_count(extractor):
    assert await extractor.page_count(of(pdf(b"", b""))) == 2


async def test_more_text_than_a_document_may_hold_is_refused():
    extractor = Extractor(Bounds(characters=4))

    with pytest.raises(BadRequest, match="more than 4 characters"):
        await extractor.pages(of(pdf("abcde")))


async def test_the_loop_goes_on_while_a_slow_document_is_read(extractor):
    rounds = 0
    reading = asyncio.create_task(extractor.pages(of(SLOW)))

    while not reading.done():
        await asyncio.sleep(0.01)
        rounds += 1

    assert await reading == ("x",)
    assert rounds > 20


async def test_at_its_deadline_a_reader_is_killed_and_gone():
    before = left()
    extractor = Extractor(Bounds(deadline_s=0.5))

    with pytest.raises(BadRequest, match="memory or time"):
        await extractor.pages(of(SLOW))

    assert children() == []
    assert left() <= before


async def test_a_reader_goes_when_nobody_waits_for_it_any_more(extractor):
    before = left()
    reading = asyncio.create_task(extractor.pages(of(SLOW)))
    await until(children)

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert children() == []
    assert left() <= before


async def test_calls_take_turns_and_beyond_a_queue_are_asked_to_come_again(extractor, monkeypatch):
    monkeypatch.setattr(extraction, "MOST_WAITING", 1)
    running, most, go_on = 0, 0, asyncio.Event()

    async def call():
        nonlocal running, most
        async with extractor.turn(uuid4()):
            running += 1
            most = max(most, running)
            await go_on.wait()
            running -= 1

    calls = [asyncio.create_task(call()) for _ in range(3)]
    await until(lambda: running == 2)

    with pytest.raises(Unavailable) as refused:
        await call()

    assert refused.value.retry_after_s == 5
    go_on.set()
    await asyncio.gather(*calls)
    assert most == 2
    await call()


async def test_one_account_takes_a_part_of_the_turns_and_gives_it_back(extractor):
    wallet_id, go_on, begun = uuid4(), asyncio.Event(), []

    async def call():
        async with extractor.turn(wallet_id):
            begun.append(1)
            await go_on.wait()

    calls = [asyncio.create_task(call()) for _ in range(4)]
    await until(lambda: len(begun) == 2)

    with pytest.raises(TooMany, match="4 calls") as refused:
        await call()

    assert refused.value.retry_after_s == 5
    go_on.set()
    await asyncio.gather(*calls)
    await call()
    assert len(begun) == 5


async def test_a_reader_that_says_nonsense_is_not_believed(extractor, tmp_path, monkeypatch):
    liar = tmp_path / "child.py"
    liar.write_text('print(\'{"pages": "many"}\')')
    monkeypatch.setattr(extraction, "CHILD", liar)

    with pytest.raises(BadRequest, match="memory or time"):
        await extractor.pages(of(pdf("x")))


async def test_a_reader_that_says_too_much_is_cut(extractor, tmp_path, monkeypatch):
    talker = tmp_path / "child.py"
    talker.write_text("while True: print('x' * 2**16)")
    monkeypatch.setattr(extraction, "CHILD", talker)
    before = left()

    with pytest.raises(BadRequest, match="memory or time"):
        await extractor.pages(of(pdf("x")))

    assert children() == []
    assert left() <= before
