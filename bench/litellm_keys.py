"""The keys of LiteLLM's proxy in the benchmark; it imports this file, in its own environment.

One key with limits and budgets on itself and on its team, all far above the load, so that LiteLLM's own
limiter asks Redis at every call. It is kept in memory: virtual keys would need a database of LiteLLM's own.
"""

import hashlib
import os

from fastapi import Request
from litellm.proxy._types import UserAPIKeyAuth

CALLS, TOKENS, DOLLARS = 100_000_000, 2_000_000_000, 1e9


async def find(_request: Request, api_key: str) -> UserAPIKeyAuth:
    if api_key != os.environ["BENCH_KEY"]:
        raise PermissionError("unknown key")
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    return UserAPIKeyAuth(
        api_key=digest,
        token=digest,
        user_id="bench-user",
        team_id="bench-team",
        rpm_limit=CALLS,
        tpm_limit=TOKENS,
        max_budget=DOLLARS,
        spend=0.0,
        team_rpm_limit=CALLS,
        team_tpm_limit=TOKENS,
        team_max_budget=DOLLARS,
    )
