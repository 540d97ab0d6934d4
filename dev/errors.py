"""The one error of this package."""


class StartError(Exception):
    """Something the person at the terminal has to know; the text says what to do."""
