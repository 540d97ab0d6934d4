"""The spool: how calls ended, on this machine's disk, until PostgreSQL has booked them.

A directory for each boot of a proxy, segments in it, a line a settlement: its CRC-32, then JSON. A line is
written before anybody is told that the call is settled; what a killed process wrote, the next one replays.
"""

import asyncio
import fcntl
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from core.counters.requests import Settlement

SEGMENT_LINES = 1000
SEGMENT_S = 2.0
SYNC_S = 0.02
PROBE = bytes(64 * 1024)
UNREADABLE = ".unreadable"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Settlement).decode
_log = structlog.get_logger()


@dataclass(slots=True)
class Segment:
    """A file of settlements, and which of them are not booked yet."""

    path: Path
    pending: dict[UUID, Settlement] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    is_open: bool = True


class Spool:
    """The spool of one boot. `is_broken`: the last line could not be written; admit no new call."""

    def __init__(self, root: Path, boot_id: UUID) -> None:
        self.directory = root / boot_id.hex
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.directory)
        self._file = -1
        self._unsynced: list[int] = []  # beside it: to be synced once more, and closed
        self._is_synced = True
        self._number = 0
        self.segments: list[Segment] = []
        self.is_broken = False

    def append(self, settlement: Settlement) -> None:
        """Write a settlement down; it outlives this process from here on. Raises OSError."""
        segment = self._segment()
        line = _encode(settlement)
        segment.pending[settlement.request_id] = settlement
        try:
            if self._file < 0:
                self._open(segment)
            self._write(b"%08x %b\n" % (zlib.crc32(line), line))
        except OSError:
            self.is_broken = True
            self._close()  # the next line begins in a file of its own, whatever came of this one
            raise
        self.is_broken = False
        self._is_synced = False

    async def mend(self) -> None:
        """Where the disk took no more, find out whether it does again: no call comes that would."""
        if self.is_broken and await asyncio.to_thread(_takes, self.directory / "probe"):
            _log.warning("spool_mended")
            self.is_broken = False

    def seal(self) -> None:
        """Close the open segment once it is old, so that it can be dropped when all of it is booked."""
        if self.segments and self.segments[-1].is_open and self._is_full(self.segments[-1]):
            self._close()

    def forget(self, booked: set[UUID]) -> None:
        """Drop what is booked; a segment that is done is deleted."""
        for segment in list(self.segments):
            for request_id in booked & segment.pending.keys():
                del segment.pending[request_id]
            if not segment.pending and not segment.is_open:
                segment.path.unlink(missing_ok=True)
                self.segments.remove(segment)

    def pending(self) -> Iterator[Settlement]:
        for segment in self.segments:
            yield from segment.pending.values()

    async def keep_synced(self) -> None:
        """Run until cancelled: have what was written survive a power cut too, a moment later."""
        while True:
            await asyncio.sleep(SYNC_S)
            await self.sync()

    async def sync(self) -> None:
        if not self._is_synced and self._file >= 0:
            self._unsynced.append(os.dup(self._file))
            self._is_synced = True
        files, self._unsynced = self._unsynced, []
        if files:
            await asyncio.to_thread(_sync, files)

    def close(self) -> None:
        """Let go of the directory; it goes when nothing in it is pending."""
        self._close()
        _sync(self._unsynced)
        self.forget(set())
        if not self.segments:
            (self.directory / "lock").unlink(missing_ok=True)
            self.directory.rmdir()
        os.close(self._lock)

    def _segment(self) -> Segment:
        if self.segments and self._is_full(self.segments[-1]):
            self._close()
        if not self.segments or not self.segments[-1].is_open:
            self._number += 1
            self.segments.append(Segment(self.directory / f"{self._number:08d}.spool"))
        return self.segments[-1]

    def _open(self, segment: Segment) -> None:
        self._file = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._unsynced.append(os.open(self.directory, os.O_RDONLY))  # for the file's name

    def _is_full(self, segment: Segment) -> bool:
        return len(segment.pending) >= SEGMENT_LINES or time.monotonic() - segment.begun > SEGMENT_S

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._file, line) :]

    def _close(self) -> None:
        if self.segments and self.segments[-1].is_open:
            self.segments[-1].is_open = False
            if self._file >= 0:
                self._unsynced.append(self._file)
                self._file = -1


def _lock(directory: Path) -> int:
    """Hold a directory. The lock is taken before it has its name: nobody ever finds one that is free because
    its process has only begun.
    """
    unnamed = directory / "lock.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unnamed.rename(directory / "lock")
    return lock


def _sync(files: Sequence[int]) -> None:
    for file in files:
        try:
            os.fdatasync(file)
        except OSError as error:
            _log.error("spool_not_synced", error=type(error).__name__)
        finally:
            os.close(file)


def _takes(probe: Path) -> bool:
    """Say whether something can be written here."""
    try:
        with probe.open("wb", buffering=0) as file:
            taken = file.write(PROBE)
            os.fsync(file)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return taken == len(PROBE)


@dataclass(frozen=True, slots=True)
class Left:
    """What a boot that is over left behind, held against others who would replay it too."""

    boot_id: UUID
    directory: Path
    settlements: list[Settlement]
    lock: int

    def drop(self) -> None:
        """All of it is booked."""
        for path in self.directory.iterdir():
            if path.suffix != UNREADABLE:  # that stays for a person to look at
                path.unlink()
        if not any(self.directory.iterdir()):
            self.directory.rmdir()
        os.close(self.lock)

    def release(self) -> None:
        os.close(self.lock)


def left_behind(root: Path) -> Iterator[Left]:
    """The spools of boots that are over: nobody holds their lock. Each is held by us from here on."""
    for directory in sorted(root.iterdir()) if root.is_dir() else ():
        try:
            boot_id = UUID(hex=directory.name)
            lock = os.open(directory / "lock", os.O_RDWR)
        except (ValueError, OSError):
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            settlements = list(_read(directory))
        except OSError as error:
            if not isinstance(error, BlockingIOError):  # else somebody is at work there
                _log.error("spool_unreadable", path=str(directory), error=type(error).__name__)
            os.close(lock)
            continue
        if os.fstat(lock).st_nlink:  # else whoever held it has just cleared it away
            yield Left(boot_id, directory, settlements, lock)
        else:
            os.close(lock)


def _read(directory: Path) -> Iterator[Settlement]:
    """Every settlement of a directory. A last line that was cut is none; any other bad line is set aside."""
    for path in sorted(directory.glob("*.spool")):
        lines = path.read_bytes().split(b"\n")
        bad = []
        for line in lines[:-1]:
            try:
                yield _line(line)
            except ValueError:
                bad.append(line)
        if bad:
            _log.error("spool_lines_unreadable", path=str(path), lines=len(bad))
            path.with_suffix(UNREADABLE).write_bytes(b"\n".join(bad) + b"\n")


def _line(line: bytes) -> Settlement:
    """Raises ValueError for a line that is not what was written."""
    checksum, _, body = line.partition(b" ")
    if len(checksum) != 8 or int(checksum, 16) != zlib.crc32(body):  # noqa: PLR2004  # 32 bits in hexadecimal
        raise ValueError("the checksum is wrong")
    return _decode(body)
