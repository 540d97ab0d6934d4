"""The story of `bin/dev`: from an empty directory to a product that answers, and back."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Lock
from types import FrameType
from typing import Any

from dev.errors import StartError
from dev.files import read_json, write_json
from dev.lock import held
from dev.logs import Terminal
from dev.plan import Plan, plan
from dev.processes import Processes, processes
from dev.supervisor import Stopped, Supervisor
from dev.welcome import welcome


def launch(
    state: Path, *, port: int, environ: Mapping[str, str], table: Callable[[Plan], Processes] = processes
) -> int:
    """Run everything until a signal comes. Returns the exit code."""
    began, terminal, state = time.monotonic(), Terminal(), state.resolve()
    supervisor: Supervisor | None = None
    try:
        state.mkdir(mode=0o711, parents=True, exist_ok=True)
        with held(state):
            (state / "ready.json").unlink(missing_ok=True)
            supervisor = Supervisor(state / "logs", terminal=terminal, stopping=Event())
            watch_signals(supervisor)
            try:
                run(supervisor, plan(state, port=port, environ=environ), table, began=began)
            except Stopped:
                pass
            finally:
                terminal.say("stopping")
                (state / "ready.json").unlink(missing_ok=True)
                supervisor.stop()
                # A program that was just being started again may have written it once more.
                (state / "ready.json").unlink(missing_ok=True)
    except StartError as error:
        terminal.block(f"bin/dev: {error}")
        return 1
    except PermissionError as error:
        terminal.block(f"bin/dev: may not use {error.filename}. Start as its owner, or give another --state.")
        return 1
    return 0


def watch_signals(supervisor: Supervisor) -> None:
    """Stop at the first signal, in a hurry at the second."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if supervisor.stopping.is_set():
            supervisor.hurry.set()
        supervisor.stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)


def run(supervisor: Supervisor, plan: Plan, table: Callable[[Plan], Processes], *, began: float) -> None:
    """Start in order, tell that all answers, then wait for the wish to stop."""
    write_json(plan.state / "settings.json", plan.settings)
    todo = table(plan)
    supervisor.terminal.say(f"starting; logs are in {supervisor.logs}")
    sides = supervisor.begin(todo.sides)  # they need no database: they come up while it does
    stores = supervisor.begin(plan.stores())
    supervisor.await_ready(stores)
    supervisor.perform(todo.release)
    supervisor.await_ready([*sides, *supervisor.begin(todo.rest)])
    ready = publish(supervisor, plan)
    supervisor.terminal.block(welcome(ready, took_s=time.monotonic() - began))
    supervisor.stopping.wait()


def publish(supervisor: Supervisor, plan: Plan) -> dict[str, Any]:
    """Write ready.json now, and again each time a program gets a new process id."""
    lock = Lock()
    facts = {
        "base_url": plan.base_url,
        "api_base": f"{plan.base_url}/api/v1",
        "portal_url": plan.base_url,
        "simulator_url": plan.url("simulator"),
        "mailbox_dir": str(plan.mailbox_dir) if plan.mailbox_dir else None,
        "database_url": plan.settings["DATABASE_URL"],
        "redis_url": plan.settings["REDIS_URL"],
        "pid": os.getpid(),
        "demo": read_json(plan.state / "demo.json"),
    }

    def write() -> None:
        with lock:
            if not supervisor.stopping.is_set():
                write_json(plan.state / "ready.json", {**facts, "pids": supervisor.pids})

    supervisor.on_start = write
    write()
    return facts
