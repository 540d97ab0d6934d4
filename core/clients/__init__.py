"""Services outside: one interface each, and an adapter for the real thing."""
