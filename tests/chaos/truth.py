"""What the simulator says it did: its truth log, read as it stands."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Served:
    """One call the simulator served, on behalf of the request id it was told."""

    request_id: str | None
    stream: bool
    prompt: int  # tokens, in truth
    completion: int
    sent: int  # completion tokens that were handed to the socket
    how: str
    lasted_s: float


def read_truth(path: Path) -> list[Served]:
    """Every whole line of the log that tells of a model call."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    records = [json.loads(line) for line in lines]
    return [
        Served(
            request_id=record["request_id"],
            stream=record["stream"],
            prompt=record["prompt_tokens"],
            completion=record["completion_tokens"],
            sent=record["tokens_sent"],
            how=record["how"],
            lasted_s=record["ended"] - record["started"],
        )
        for record in records
        if record["path"].endswith("/completions")
    ]
