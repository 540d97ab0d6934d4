"""One program under care: started, listened to, started again when it dies."""

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from dev.logs import LogFile, Terminal, is_routine
from dev.programs import Program
from dev.spawn import Process, kill_group, spawn

FIRST_S, LONGEST_S, SETTLED_S = 0.2, 10.0, 30.0
LINE = 8192  # bytes; a longer line is taken in pieces


def next_delay(delay_s: float, *, lived_s: float) -> float:
    """Return the pause before the next start: doubled each time, short again after a settled life."""
    return FIRST_S if delay_s == 0 or lived_s >= SETTLED_S else min(delay_s * 2, LONGEST_S)


def how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


class Child:
    """Runs in a thread of its own, which lives as long as the program: the kernel takes it for the parent."""

    def __init__(
        self, program: Program, *, log: Path, terminal: Terminal, on_start: Callable[[], None]
    ) -> None:
        self.program, self.terminal, self.on_start = program, terminal, on_start
        self.log = LogFile(log)
        self.process: Process | None = None
        self.deaths = 0
        self.is_starting = True  # until it was ready once: deaths come back quickly and are not told
        self._stopping = Event()
        self._thread = Thread(target=self._keep, name=program.name, daemon=True)

    @property
    def pid(self) -> int | None:
        """The process last started; while it waits for its next start, the one before."""
        return self.process.pid if self.process else None

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()
        if self.process and self.is_alive:
            with suppress(ProcessLookupError):
                self.process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        if self.process and self.is_alive:
            kill_group(self.process)

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; say whether it came."""
        self._thread.join(max(timeout_s, 0))
        return not self._thread.is_alive()

    def _keep(self) -> None:
        delay_s = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = self._live()
            if self._stopping.is_set():
                break
            self.deaths += 1
            delay_s = next_delay(delay_s, lived_s=time.monotonic() - began)
            if self.is_starting:
                delay_s = FIRST_S
            else:
                self._tell(code, delay_s)
            self._stopping.wait(delay_s)
        self.log.close()

    def _live(self) -> int:
        """Run it once, from start to end."""
        process = spawn(self.program)
        self.process = process
        self.on_start()
        listener = Thread(target=self._listen, args=(process,), daemon=True)
        listener.start()
        if self._stopping.is_set():  # asked to stop while it was being started
            process.send_signal(self.program.stop_signal)
        code = process.wait()
        kill_group(process)  # what a killed program leaves in its session would hold its port
        listener.join(2)
        return code

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in iter(lambda: output.readline(LINE), b""):
                text = self.log.write(line)
                if text and not self.program.quiet and not is_routine(text):
                    self.terminal.say(text, name=self.program.name)

    def _tell(self, code: int, delay_s: float) -> None:
        if self.program.quiet:
            for line in list(self.log.last)[-3:]:
                self.terminal.say(line, name=self.program.name)
        name = self.program.name
        self.terminal.say(f"{name} {how_it_ended(code)}; starting it again in {delay_s:.1f} s")
