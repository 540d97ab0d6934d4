"""A settlement that was written down is read again, whatever happens to its process, its disk or its file."""

import errno
import json
import os
import subprocess
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

import pytest

from core.ids import uuid7
from proxy.leases import spool as spools
from proxy.leases.spool import SEGMENT_LINES, SEGMENT_S, Spool, left_behind
from tests.proxy.leases.conftest import line

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path, uuid7())
    yield spool
    with suppress(OSError):
        spool.close()


def files(spool):
    return sorted(path.name for path in spool.directory.glob("*.spool"))


def adopted(root):
    """What is left behind: boot and settlements. Let go of at once."""
    found = {}
    for left in left_behind(root):
        found[left.boot_id] = left.settlements
        left.release()
    return found


def test_what_was_written_down_is_left_behind(spool, tmp_path):
    lines = [line(charge_n=n) for n in range(5)]
    for one in lines:
        spool.append(one)

    assert list(spool.pending()) == lines
    spool.close()

    assert adopted(tmp_path) == {UUID(spool.directory.name): lines}


def test_the_same_call_written_twice_is_pending_once_as_it_was_written_last(spool):
    first = line()
    second = line(request_id=first.request_id, hold_n=7)

    spool.append(first)
    spool.append(second)

    assert list(spool.pending()) == [second]


def test_a_spool_whose_process_lives_is_left_alone(spool, tmp_path):
    spool.append(line())

    assert adopted(tmp_path) == {}


def test_a_spool_is_held_by_the_one_who_found_it(spool, tmp_path):
    spool.append(line())
    spool.close()

    (left,) = left_behind(tmp_path)

    assert adopted(tmp_path) == {}
    left.release()
    assert len(adopted(tmp_path)) == 1


def test_an_empty_spool_leaves_nothing(spool, tmp_path):
    one = line()
    spool.append(one)
    spool.seal()
    spool.forget({one.request_id.int})

    spool.close()

    assert list(tmp_path.iterdir()) == []


def test_what_is_no_spool_is_passed_over(tmp_path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / uuid4().hex).mkdir()  # began, but not far enough to have a lock
    (tmp_path / "notes.txt").touch()

    assert adopted(tmp_path) == {}
    assert adopted(tmp_path / "nowhere") == {}


def test_a_spool_without_lines_is_left_behind_too(tmp_path):
    """Its boot ran calls that nobody will ever settle: that is worth knowing."""
    spool = Spool(tmp_path, uuid7())
    os.close(spool._lock)

    assert adopted(tmp_path) == {UUID(spool.directory.name): []}


def test_a_segment_goes_when_all_of_it_is_booked_and_nothing_more_is_written_to_it(spool):
    lines = [line() for _ in range(SEGMENT_LINES + 2)]
    for one in lines:
        spool.append(one)
    assert files(spool) == ["00000001.spool", "00000002.spool"]
    booked = {one.request_id.int for one in lines}

    spool.forget(booked - {lines[3].request_id.int, lines[-1].request_id.int})
    assert len(files(spool)) == 2
    spool.forget({lines[3].request_id.int})
    assert files(spool) == ["00000002.spool"]

    spool.forget(booked)
    assert files(spool) == ["00000002.spool"]  # it is still written to
    assert list(spool.pending()) == []


def test_a_segment_is_closed_when_it_is_old(spool, monkeypatch):
    one = line()
    spool.append(one)
    spool.seal()
    spool.forget({one.request_id.int})
    assert files(spool) == ["00000001.spool"]
    spool.segments[-1].begun -= SEGMENT_S + 1

    spool.seal()
    spool.forget(set())

    assert files(spool) == []
    spool.append(line())
    assert files(spool) == ["00000002.spool"]


def test_a_last_line_that_was_cut_is_none_wherever_it_was_cut(spool, tmp_path):
    first, second = line(), line()
    spool.append(first)
    size = spool.segments[0].path.stat().st_size
    spool.append(second)
    spool.close()
    whole = spool.segments[0].path.read_bytes()

    for end in range(size, len(whole)):
        spool.segments[0].path.write_bytes(whole[:end])
        assert adopted(tmp_path) == {UUID(spool.directory.name): [first]}

    assert not list(tmp_path.rglob("*.unreadable"))


def test_a_line_with_a_flipped_bit_is_set_aside_and_the_others_are_read(spool, tmp_path):
    lines = [line() for _ in range(3)]
    sizes = [0]
    for one in lines:
        spool.append(one)
        sizes.append(spool.segments[0].path.stat().st_size)
    spool.close()
    path = spool.segments[0].path
    whole = path.read_bytes()

    for place in range(sizes[1], sizes[2] - 1, 7):
        for bit in (1, 64):
            bad = bytearray(whole)
            bad[place] ^= bit
            if bad[place] == ord("\n"):
                continue
            path.write_bytes(bad)

            assert adopted(tmp_path) == {UUID(spool.directory.name): [lines[0], lines[2]]}
            aside = path.with_suffix(".unreadable").read_bytes()
            assert aside == bytes(bad[sizes[1] : sizes[2]])


def test_a_line_that_lost_its_end_costs_itself_and_the_next(spool, tmp_path):
    lines = [line() for _ in range(3)]
    for one in lines:
        spool.append(one)
    spool.close()
    path = spool.segments[0].path
    path.write_bytes(path.read_bytes().replace(b"\n", b" ", 1))

    assert adopted(tmp_path) == {UUID(spool.directory.name): lines[2:]}


@pytest.mark.parametrize(
    "junk", [b"\0" * 500 + b"\n", b"\xff\xfe\n", b"\n\n\n", b"00000000 \n", b"zzzzzzzz {}\n"]
)
def test_junk_is_set_aside(spool, tmp_path, junk):
    one = line()
    spool.append(one)
    spool.close()
    with spool.segments[0].path.open("ab") as file:
        file.write(junk)

    assert adopted(tmp_path) == {UUID(spool.directory.name): [one]}
    assert spool.segments[0].path.with_suffix(".unreadable").exists()


def test_all_but_what_could_not_be_read_goes_once_it_is_booked(spool, tmp_path):
    spool.append(line())
    spool.close()
    (spool.directory / "00000009.spool").write_bytes(b"junk\n")
    (spool.directory / "probe").touch()

    (left,) = left_behind(tmp_path)
    left.drop()

    assert [path.name for path in spool.directory.iterdir()] == ["00000009.unreadable"]
    assert adopted(tmp_path) == {}


def test_a_spool_nobody_may_read_does_not_keep_the_others(spool, tmp_path):
    spool.append(line())
    spool.close()
    odd = tmp_path / uuid4().hex
    odd.mkdir()
    (odd / "lock").touch()
    (odd / "00000001.spool").mkdir()  # reading it fails, whoever asks

    assert list(adopted(tmp_path)) == [UUID(spool.directory.name)]


def full(path):
    """A place that has no room for anything."""
    path.symlink_to("/dev/full")


def test_a_full_disk_is_told_and_the_settlement_is_not_forgotten(spool):
    full(spool.directory / "00000001.spool")
    one = line()

    with pytest.raises(OSError, match="No space left"):
        spool.append(one)

    assert spool.is_broken
    assert list(spool.pending()) == [one]


def test_what_follows_a_failure_has_a_file_of_its_own(spool, tmp_path):
    full(spool.directory / "00000001.spool")
    lost, kept = line(), line()
    with pytest.raises(OSError, match="No space left"):
        spool.append(lost)

    spool.append(kept)

    assert not spool.is_broken
    assert list(spool.pending()) == [lost, kept]
    (spool.directory / "00000001.spool").unlink()
    os.close(spool._lock)
    assert adopted(tmp_path) == {UUID(spool.directory.name): [kept]}


def test_a_directory_that_is_gone_is_a_failure_like_another(spool):
    one = line()
    for path in spool.directory.iterdir():
        path.unlink()
    spool.directory.rmdir()

    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            spool.append(one)

    assert spool.is_broken
    spool.forget({one.request_id.int})
    assert list(spool.pending()) == []


async def test_a_disk_that_has_room_again_is_noticed_although_no_call_ends(spool):
    full(spool.directory / "00000001.spool")
    full(spool.directory / "probe")
    with pytest.raises(OSError, match="No space left"):
        spool.append(line())

    await spool.mend()
    assert spool.is_broken
    await spool.mend()  # the first one took the full place away

    assert not spool.is_broken
    assert not (spool.directory / "probe").exists()


async def test_a_spool_that_works_is_not_probed(spool, monkeypatch):
    full(spool.directory / "probe")

    await spool.mend()

    assert (spool.directory / "probe").is_symlink()
    (spool.directory / "probe").unlink()


CHILD = """
import json, resource, signal, sys
from pathlib import Path
from core.ids import uuid7
from proxy.leases.spool import Spool
from tests.proxy.leases.conftest import line
from proxy.leases import spool as spools

spool = Spool(Path(sys.argv[1]), uuid7())
{body}
sys.stdin.read()
"""
UNTIL_FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
written = []
try:
    while True:
        one = line()
        spool.append(one)
        written.append(one.request_id.hex)
except OSError as error:
    print(json.dumps([spool.is_broken, error.strerror, written]), flush=True)
"""
FOR_EVER = """
for _ in range(2500):
    one = line()
    spool.append(one)
    print(one.request_id.hex, flush=True)
"""


def child(root, body):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD.format(body=body), root],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_a_line_that_was_half_written_when_the_disk_was_full_nothing_is_read(tmp_path):
    with child(tmp_path, UNTIL_FULL) as process:
        is_broken, error, written = json.loads(process.stdout.readline())
        process.kill()

    assert (is_broken, error) == (True, os.strerror(errno.EFBIG))  # its disk has 3,000 bytes a file
    assert len(written) > 3
    (path,) = tmp_path.rglob("*.spool")
    assert path.stat().st_size == 3000
    assert not path.read_bytes().endswith(b"\n")
    (settlements,) = adopted(tmp_path).values()
    assert [one.request_id.hex for one in settlements] == written


@pytest.mark.parametrize("lines", [1, 1500, 2400])
def test_a_killed_process_leaves_every_line_it_said_it_wrote(tmp_path, lines):
    with child(tmp_path, FOR_EVER) as process:
        said = [word.strip() for word in islice(process.stdout, lines)]
        assert adopted(tmp_path) == {}  # it lives
        process.kill()
        said += [word.strip() for word in process.stdout]

    (settlements,) = adopted(tmp_path).values()
    assert [one.request_id.hex for one in settlements][: len(said)] == said


def test_two_processes_never_hold_the_same_spool(tmp_path):
    spool = Spool(tmp_path, uuid7())
    spool.append(line())
    os.close(spool._lock)
    hold = "print(sum(1 for left in spools.left_behind(Path(sys.argv[1]))), flush=True)"
    keep = "kept = list(spools.left_behind(Path(sys.argv[1])))\nprint(len(kept), flush=True)"
    with child(tmp_path, keep) as one:
        assert one.stdout.readline() == "1\n"
        with child(tmp_path, hold) as other:
            assert other.stdout.readline() == "0\n"
            other.kill()
        one.kill()

    assert len(adopted(tmp_path)) == 3


def test_a_spool_that_only_begins_is_not_taken_for_one_left_behind(tmp_path):
    found, over = [], Event()

    def look():
        while not over.is_set():
            found.extend(adopted(tmp_path))

    looking = Thread(target=look)
    looking.start()
    living = [Spool(tmp_path, uuid7()) for _ in range(150)]
    over.set()
    looking.join()

    assert found == []
    for spool in living:
        spool.close()


def test_a_spool_that_is_cleared_away_meanwhile_is_not_left_behind(tmp_path, monkeypatch):
    spool = Spool(tmp_path, uuid7())
    flock = spools.fcntl.flock

    def just_then(file, how):  # no test can stop a process between two lines of another
        spool.close()
        flock(file, how)

    monkeypatch.setattr(spools.fcntl, "flock", just_then)

    assert list(left_behind(tmp_path)) == []


def open_files(spool):
    """Those of this spool that the process has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing itself is one of them
            found.append(link.readlink())
    return sorted(path for path in found if path.is_relative_to(spool.directory))


def inode(path):
    return path.stat().st_ino


async def test_every_line_and_every_file_reach_the_disk(spool, monkeypatch):
    """No power is cut in a test: what is asked of the disk must do."""
    synced = []
    monkeypatch.setattr(spools.os, "fdatasync", lambda file: synced.append(os.fstat(file).st_ino))
    before = open_files(spool)
    for _ in range(5):
        spool.append(line())
        spool.segments[-1].begun -= SEGMENT_S + 1  # the next line is in another file

    await spool.sync()

    paths = [segment.path for segment in spool.segments]
    assert {inode(path) for path in paths} | {inode(spool.directory)} == set(synced)
    assert open_files(spool) == sorted([*before, paths[-1]])  # the file that is written to
    synced.clear()
    await spool.sync()
    assert synced == []


async def test_what_is_written_while_the_disk_works_is_synced_the_next_time(spool, monkeypatch):
    synced = []

    def slowly(file):
        if not synced:
            spool.append(line())
        synced.append(os.fstat(file).st_ino)

    spool.append(line())
    monkeypatch.setattr(spools.os, "fdatasync", slowly)
    await spool.sync()
    first = len(synced)
    await spool.sync()

    assert synced[first:] == [inode(spool.segments[0].path)]
