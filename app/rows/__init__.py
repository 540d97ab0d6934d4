"""What pages show of a row: the row itself and what is worked out beside it."""
