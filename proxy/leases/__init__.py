"""Path (c): calls are admitted and settled in Redis, on money PostgreSQL leased to it (docs/charging.md)."""
