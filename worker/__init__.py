"""What happens in the background: jobs, the ledger loop, the clock."""
