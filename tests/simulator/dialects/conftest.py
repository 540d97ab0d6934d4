import json
from collections.abc import Callable

import pytest
from yarl import URL


class Provider:
    """One provider's way to be asked: where, with which key, and with which body."""

    def __init__(self, caller, *, path: Callable[[str, bool], str], headers: dict, body: Callable):
        self.caller = caller
        self.path = path
        self.headers = headers
        self.body = body

    def post(self, model="tiny", *, stream=False, headers=None, timeout=None, **fields):
        url = URL(self.caller.simulator.url + self.path(model, stream), encoded=True)
        body = {name: value for name, value in {**self.body(model, stream), **fields}.items() if value != "-"}
        headers = {**self.headers, **(headers or {})}
        return self.caller.session.post(url, json=body, headers=headers, timeout=timeout)

    async def ask(self, model="tiny", **fields):
        """Give the JSON of a plain answer that succeeded."""
        async with self.post(model, **fields) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def refused(self, model="tiny", **fields):
        """Give status and JSON of an answer that failed."""
        async with self.post(model, **fields) as response:
            return response.status, await response.json()

    async def raw(self, model="tiny", **fields) -> bytes:
        async with self.post(model, stream=True, **fields) as response:
            assert response.status == 200, await response.text()
            return await response.read()

    async def events(self, model="tiny", **fields) -> list:
        """Give what the data lines of a stream say, without `[DONE]`."""
        lines = (await self.raw(model, **fields)).decode().splitlines()
        found = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        return [json.loads(data) for data in found if data != "[DONE]"]

    @property
    def record(self) -> dict:
        return self.caller.records[-1]


@pytest.fixture
def anthropic(caller):
    return Provider(
        caller,
        path=lambda model, stream: "/v1/messages",
        headers={"x-api-key": "sk-ant-any", "anthropic-version": "2023-06-01"},
        body=lambda model, stream: {
            "model": model,
            "max_tokens": 4096,
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": stream,
        },
    )


@pytest.fixture
def gemini(caller):
    def path(model, stream):
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{method}"

    return Provider(
        caller,
        path=path,
        headers={"x-goog-api-key": "any"},
        body=lambda model, stream: {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    )


@pytest.fixture
def completions(caller):
    return Provider(
        caller,
        path=lambda model, stream: "/v1/completions",
        headers={"Authorization": "Bearer any"},
        body=lambda model, stream: {"model": model, "prompt": "Once upon", "stream": stream},
    )


@pytest.fixture
def embeddings(caller):
    return Provider(
        caller,
        path=lambda model, stream: "/v1/embeddings",
        headers={"Authorization": "Bearer any"},
        body=lambda model, stream: {"model": model, "input": "Hello"},
    )


@pytest.fixture(params=["anthropic", "gemini", "completions"])
def provider(request):
    """Every provider that streams, one after the other."""
    return request.getfixturevalue(request.param)
