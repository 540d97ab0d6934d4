"""What PostgreSQL says happened to the money: rows as they stand, read by plain SQL in one view."""

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
TABLES = {
    "wallets": "SELECT id::text, balance_n, credit_limit_n, leased_n, held_n FROM wallets",
    "ledger": "SELECT wallet_id::text, kind, ref, amount_n FROM ledger",
    "usage": "SELECT request_id::text, day, rank, wallet_id::text, key_id::text, model_id, charge_n, status,"
    " reason, estimated, disputed, output_tokens, gen FROM usage_events",
    "holds": "SELECT request_id::text, wallet_id::text, amount_n FROM holds",
}
POOLS = "SELECT wallet_id::text, gen, granted_n, posted_n, returned_n, state FROM pools"


@dataclass(slots=True)
class Books:
    """All that is written of wallets, calls and what runs. `pools` is None where there are none yet."""

    wallets: list[Row] = field(default_factory=list)
    ledger: list[Row] = field(default_factory=list)
    usage: list[Row] = field(default_factory=list)
    holds: list[Row] = field(default_factory=list)
    pools: list[Row] | None = None


def read_books(url: str) -> Books:
    """Read everything as of one moment."""
    with psycopg.connect(url, row_factory=dict_row, connect_timeout=5) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        found = {name: connection.execute(query).fetchall() for name, query in TABLES.items()}
        (there,) = connection.execute("SELECT to_regclass('pools') IS NOT NULL AS yes").fetchall()
        pools = connection.execute(POOLS).fetchall() if there["yes"] else None
        return Books(**found, pools=pools)
