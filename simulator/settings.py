from dataclasses import dataclass
from pathlib import Path

LONGEST_WAIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one simulator runs; made once at start."""

    host: str = "127.0.0.1"
    port: int = 0
    truth_log: Path | None = None
    truth_url: bool = True
    hang_s: float = LONGEST_WAIT_S
    max_body_bytes: int = 32 * 1024 * 1024
