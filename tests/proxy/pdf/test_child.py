"""The process that reads: what it makes of documents, and that its limits are limits."""

import json
import signal
import subprocess
import sys

import pytest

from proxy.pdf.extraction import CHILD
from tests.proxy.pdf.documents import bomb, chinese, document, pdf, stream


def run(data, **changes):
    bounds = {
        "memory_bytes": 512 << 20,
        "cpu_s": 10,
        "most_pages": 500,
        "most_characters": 2_000_000,
        "wants_text": True,
        **changes,
    }
    command = [sys.executable, "-I", "-B", CHILD, json.dumps(bounds)]
    return subprocess.run(command, input=data, capture_output=True, env={}, cwd="/", timeout=50, check=False)


def told(data, **changes):
    return json.loads(run(data, **changes).stdout)


def test_the_text_of_each_page_is_told():
    assert told(pdf("Hello world", "and more")) == {"pages": 2, "text": ["Hello world", "and more"]}


def test_chinese_is_told_as_it_is_meant():
    assert told(chinese("人工智慧發票")) == {"pages": 1, "text": ["人工智慧發票"]}


def test_pages_are_counted_without_being_read():
    assert told(pdf("a", "b", "c"), wants_text=False) == {"pages": 3, "text": []}


def test_as_many_pages_as_may_be_are_read_and_one_more_is_not():
    assert told(pdf(*"abc"), most_pages=3)["pages"] == 3
    assert told(pdf(*"abcd"), most_pages=3) == {"fault": "pages"}
    assert told(pdf(*"abcd"), most_pages=3, wants_text=False) == {"fault": "pages"}


def test_as_much_text_as_may_be_is_read_and_a_character_more_is_not():
    assert told(pdf("abc", "de"), most_characters=5)["pages"] == 2
    assert told(pdf("abc", "de"), most_characters=4) == {"fault": "characters"}


def test_a_locked_document_is_told_from_a_broken_one():
    assert told(pdf("secret", password="secret")) == {"fault": "locked"}
    assert told(pdf("x")[:200]) == {"fault": "broken"}


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"\x00" * 5000, b"%PDF-1.7\n" * 5000, document([])])
def test_what_is_no_document_is_broken(data):
    assert told(data) == {"fault": "broken"}


def test_signs_that_are_none_are_left_out():
    assert told(pdf(b"BT /F1 12 Tf 72 700 Td (a\\001b\\177c) Tj ET"))["text"] == ["abc"]


def test_a_bomb_ends_at_the_memory_there_is():
    ended = run(bomb(300))

    assert ended.returncode != 0
    assert ended.stdout == b""


def test_work_ends_at_the_seconds_there_are():
    ended = run(bomb(300), memory_bytes=16 << 30, cpu_s=1)

    assert ended.returncode in {-signal.SIGXCPU, -signal.SIGKILL}
    assert ended.stdout == b""


def test_nothing_can_be_written_to_a_disk(tmp_path):
    probe = tmp_path / "probe.py"
    probe.write_text(
        f"import sys; sys.path.insert(0, {str(CHILD.parent)!r})\n"
        "import child; child.confine(memory_bytes=2**29, cpu_s=5)\n"
        f"import os; os.write(os.open({str(tmp_path / 'made')!r}, os.O_CREAT | os.O_WRONLY), b'x')"
    )

    ended = subprocess.run(
        [sys.executable, "-B", probe], capture_output=True, text=True, timeout=20, check=False
    )

    assert "File too large" in ended.stderr
    assert (tmp_path / "made").read_bytes() == b""


def test_a_page_that_draws_in_circles_is_read_all_the_same():
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>"
    looping = document([stream(b"/X Do")], more=(stream(b"/X Do", form),))

    assert told(looping) == {"pages": 1, "text": [""]}
