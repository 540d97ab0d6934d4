import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from simulator.server import Running, running
from simulator.settings import Settings

HANG_S = 5


class Caller:
    """Speaks to one simulator over real HTTP."""

    def __init__(self, simulator: Running, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.session = session

    def post(self, model: str = "tiny", *, text: str = "Hello", headers=None, **fields):
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        return self.session.post(
            f"{self.simulator.api_base}/chat/completions",
            json=body,
            headers={"Authorization": "Bearer sk-any", **(headers or {})},
            allow_redirects=False,
        )

    async def ask(self, model: str = "tiny", **fields):
        """Give the JSON of a plain answer that succeeded."""
        async with self.post(model, **fields) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def raw(self, model: str = "tiny", **fields) -> bytes:
        async with self.post(model, stream=True, **fields) as response:
            return await response.read()

    async def events(self, model: str = "tiny", **fields) -> list:
        """Give the events of a well-formed stream, without `[DONE]`."""
        raw = (await self.raw(model, **fields)).decode()
        lines = [line.removeprefix("data: ") for line in raw.split("\n\n") if line]
        assert lines.pop() == "[DONE]"
        return [json.loads(line) for line in lines]

    @property
    def records(self) -> list:
        return self.simulator.truth.records()


@pytest.fixture
async def simulator(tmp_path: Path):
    async with running(Settings(truth_log=tmp_path / "truth.jsonl", hang_s=HANG_S)) as started:
        yield started


@pytest.fixture
async def caller(simulator: Running):
    async with aiohttp.ClientSession() as session:
        yield Caller(simulator, session)


@pytest.fixture
def until():
    """Wait for a condition of the other side, with a deadline."""

    async def wait(is_so: Callable[[], object], *, timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while not is_so():  # noqa: ASYNC110 - the other side raises no event here
                await asyncio.sleep(0.005)

    return wait
