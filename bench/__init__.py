"""The benchmark of the relay: against nginx and LiteLLM, in one run, on one machine. docs/performance.md."""
