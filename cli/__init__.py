"""The operator's command line: what is needed to start, and to look after the books."""
