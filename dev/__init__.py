"""The embedded default: everything BazaarLink needs, started by one command on one machine."""
