"""A model provider that needs no network: deterministic answers, faults on request, a log of the truth."""
