"""Logs: one line of JSON per event on standard error, never with the values of local variables.

A traceback that shows locals shows passwords, keys and prompts; ours names places and error types only.
"""

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Set up the process's logs, once, at its start. `level` is debug, info, warning or error."""
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
