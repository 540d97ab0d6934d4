"""The simulator as a process of its own."""

import asyncio
import json
import signal
import socket
import sys
from contextlib import asynccontextmanager

import aiohttp
import pytest

from simulator.__main__ import main, read_settings
from simulator.settings import Settings

BODY = {"messages": [{"role": "user", "content": "x"}], "stream": True}
KEY = {"Authorization": "Bearer k"}


@asynccontextmanager
async def started(*arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", *arguments), stdout=asyncio.subprocess.PIPE
    )
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        yield process, json.loads(line)["port"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()  # a pipe is closed once it was read to its end


def test_options_become_settings(tmp_path):
    log = tmp_path / "truth"

    settings = read_settings(["--host", "::1", "--port", "9", "--truth-log", str(log), "--truth-url-free"])

    assert settings == Settings(host="::1", port=9, truth_log=log, truth_url=False)
    assert read_settings([]) == Settings()


def test_a_port_that_cannot_be_is_refused(capsys):
    with pytest.raises(SystemExit):
        read_settings(["--port", "65536"])

    assert "--port" in capsys.readouterr().err


def test_a_taken_port_is_a_clear_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(SystemExit, match=r"cannot start.*--port"):
            main(["--port", str(port)])


def test_a_log_that_cannot_be_written_is_a_clear_error(tmp_path):
    with pytest.raises(SystemExit, match=r"No such file.*--truth-log"):
        main(["--truth-log", str(tmp_path / "nowhere" / "truth")])


async def test_a_record_is_there_for_a_call_that_sigterm_ends(tmp_path):
    log = tmp_path / "truth"
    async with started("--truth-log", str(log)) as (process, port), aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        body = {"model": "tiny+tokens=100+delay=1", **BODY}
        async with session.post(url, json=body, headers=KEY) as response:
            await response.content.readany()

            process.send_signal(signal.SIGTERM)

            assert await asyncio.wait_for(process.wait(), 20) == 0

    record = json.loads(log.read_text())
    assert (record["how"], record["completion_tokens"]) == ("terminated", 100)
    assert 0 <= record["tokens_sent"] < 100


async def test_a_refused_call_is_reset_under_the_loop_of_the_process():
    async with started() as (_, port), aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}"

        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(
                f"{url}/v1/chat/completions", json={"model": "tiny+refuse", **BODY}, headers=KEY
            )

        async with session.get(f"{url}/_truth") as response:
            assert [record["how"] for record in await response.json()] == ["refused"]
