"""The processes of the product in `bin/dev`, as in the Procfile, and what stands in for the world."""

import sys
from dataclasses import dataclass
from pathlib import Path

from dev.answers import answers_http, greets
from dev.plan import Plan
from dev.ports import LOOPBACK
from dev.programs import Layer, Program, Task

ROOT = Path(__file__).resolve().parent.parent
RELEASE_S = 300


@dataclass(frozen=True, slots=True)
class Processes:
    """What is started: first the sides (beside the databases), then the release, then the rest."""

    sides: list[Program]
    release: Task
    rest: list[Program]


def module(*argv: str) -> list[str]:
    return [sys.executable, "-m", *argv]


def processes(plan: Plan) -> Processes:
    return Processes(
        sides=sides(plan),
        release=Task("release", module("dev.release", str(plan.state)), plan.env, ROOT, RELEASE_S),
        rest=[web(plan), proxy(plan), *background(plan)],
    )


def sides(plan: Plan) -> list[Program]:
    """Return the simulator and, when no mail server is given, the mailbox."""
    port, mail_port = plan.ports["simulator"], plan.ports["mailbox"]
    truth = str(plan.state / "truth.jsonl")
    address = ["--host", LOOPBACK, "--port", str(port)]
    simulator = Program(
        "simulator", module("simulator", *address, "--truth-log", truth), plan.env, Layer.SIDE, cwd=ROOT,
        is_ready=lambda: answers_http(port, "/healthz"), quiet=True,
    )  # fmt: skip
    if plan.mailbox_dir is None:
        return [simulator]
    argv = module("dev.mailbox", "--port", str(mail_port), "--dir", str(plan.mailbox_dir))
    mailbox = Program(
        "mailbox",
        argv,
        plan.env,
        Layer.SIDE,
        cwd=ROOT,
        is_ready=lambda: greets(mail_port, b"220"),
        quiet=True,
    )
    return [simulator, mailbox]


def web(plan: Plan) -> Program:
    port = plan.ports["web"]
    size = ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--graceful-timeout", "3"]
    argv = module("gunicorn", "wsgi:app", "--bind", f"{LOOPBACK}:{port}", *size, "--no-control-socket")
    return Program(
        "web", argv, plan.env, Layer.FRONT, cwd=ROOT, is_ready=lambda: answers_http(port, "/readyz")
    )


def proxy(plan: Plan) -> Program:
    return Program(
        "proxy", module("proxy"), plan.env, Layer.FRONT, cwd=ROOT,
        is_ready=lambda: answers_http(plan.port, "/readyz"),
    )  # fmt: skip


def background(plan: Plan) -> list[Program]:
    table = {"worker": "worker", "ledger": "worker.ledger", "clock": "worker.clock"}
    return [Program(name, module(path), plan.env, Layer.BACK, cwd=ROOT) for name, path in table.items()]
