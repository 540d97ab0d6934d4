"""Charging: how money is held for a running call and settled when it ends.

This package is path (a): one PostgreSQL transaction for each step, written once as plain functions over a
connection. The proxy runs them on its asynchronous connections, the ledger process on synchronous ones.
"""
