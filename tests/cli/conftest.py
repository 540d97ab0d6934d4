"""What tests of the command line stand on: a way to run it, in this process or in one of its own."""

import io
import json
import subprocess
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from cli.__main__ import main
from core.actions.release import ROOT


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """The JSON object on stdout, amounts exact."""
        return json.loads(self.out, parse_float=Decimal)

    @property
    def message(self) -> str:
        return self.data["error"]["message"]


@dataclass
class Bazaar:
    env: dict[str, str]
    capsys: Any = field(repr=False)

    def __call__(self, *arguments: object, **env: str) -> Outcome:
        """Run a command here, with --json."""
        return self.say(*arguments, "--json", **env)

    def say(self, *arguments: object, **env: str) -> Outcome:
        """Run a command here, as a person sees it."""
        self.capsys.readouterr()
        code = main([str(argument) for argument in arguments], {**self.env, **env})
        captured = self.capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    def process(self, *arguments: object, env: dict[str, str] | None = None) -> Outcome:
        """Run a command in a process of its own, with this environment and nothing else."""
        done = subprocess.run(
            [sys.executable, "-m", "cli", *map(str, arguments)],
            env=self.env if env is None else env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def bazaar(settings, capsys, monkeypatch, logs_as_before) -> Bazaar:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    env = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "KEY_PEPPER": settings.key_pepper.hex(),
        "PROVIDER_SECRET": settings.provider_secret.hex(),
    }
    return Bazaar(env, capsys)
