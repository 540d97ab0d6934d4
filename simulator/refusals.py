"""Why the simulator does not answer a call. A dialect gives it the shape of its provider."""


class Refusal(Exception):
    """A call that gets an HTTP error of 4xx or 5xx instead of an answer."""

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.retry_after = retry_after
