"""Relays as processes of their own."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[2]


class Process:
    """One relay process and where it writes."""

    def __init__(self, environment, log, port):
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy"],
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    async def ready(self):
        async with aiohttp.ClientSession() as session, asyncio.timeout(20):
            while True:
                assert self.process.poll() is None, self.log.read_text()
                try:
                    async with session.get(self.url + "/readyz") as response:
                        if response.status == 200:
                            return self
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
