"""Every way the product says no, as one tree. Each process turns it into its own wire format in one place.

Refused
├── BadRequest               400  the request cannot be read; names the field
│   └── TooLarge             413
├── Unauthenticated          401  no key, a wrong key, a dead key
├── OutOfCredits             402  wallet or key limit
│   └── KeyLimitReached      402
├── Forbidden                403  known, but not allowed
├── NotFound                 404  not there, or not yours
├── WrongMethod              405  the address is right, the verb is not
├── Conflict                 409  clashes with what is there
├── TooMany                  429  a rate; carries when to come back
│   ├── OverBudget           429  a budget or quota that is used up
│   └── BreakerTripped       429  a spend circuit breaker is open (503 where the operator says so)
├── Unavailable              503  nothing to serve it with right now
├── UpstreamFailed           502  every provider we may use failed
└── OurFault                 500  a fault of ours; what it was stays in the log

All raise at the rim and carry a sentence that says what to do next.
"""

from collections.abc import Mapping

TOLD_FIRST = ("scope", "resets_at")  # whose limit, and when it begins anew: beside the message


class Refused(Exception):
    """A request we understood and do not carry out. `status` is HTTP's; `code` goes into the error body."""

    status = 400
    type = "invalid_request_error"
    reason = "bad_request"
    param: str | None = None  # the field that is wrong

    def __init__(
        self,
        message: str,
        *,
        code: str | int | None = None,
        retry_after_s: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code: str | int = self.status if code is None else code
        self.retry_after_s = retry_after_s
        self.metadata = metadata or {}

    def body(self) -> dict[str, object]:
        """The SPEC's error object."""
        error: dict[str, object] = {"message": self.message, "type": self.type, "code": self.code}
        error |= {name: self.metadata[name] for name in TOLD_FIRST if name in self.metadata}
        if self.param is not None:
            error["param"] = self.param
        if self.metadata:
            error["metadata"] = dict(self.metadata)
        return {"error": error}


class BadRequest(Refused):
    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, metadata=metadata)
        self.param = param


class TooLarge(Refused):
    status, reason = 413, "too_large"


class Unauthenticated(Refused):
    status, type, reason = 401, "authentication_error", "unauthenticated"

    def __init__(self, message: str = "Invalid or disabled API key.") -> None:
        super().__init__(message)


class OutOfCredits(Refused):
    status, type, reason = 402, "insufficient_credits", "insufficient_credits"

    def __init__(
        self,
        message: str = "Insufficient credits. Please top up to continue.",
        *,
        retry_after_s: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s, metadata=metadata)


class KeyLimitReached(OutOfCredits):
    type, reason = "key_limit_reached", "key_limit_reached"


class Forbidden(Refused):
    status, type, reason = 403, "permission_error", "forbidden"


class NotFound(Refused):
    status, type, reason = 404, "not_found_error", "not_found"


class WrongMethod(Refused):
    status, reason = 405, "wrong_method"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This address takes {allowed} only.")
        self.allowed = allowed


class Conflict(Refused):
    status, type, reason = 409, "conflict_error", "conflict"


class TooMany(Refused):
    status, type, reason = 429, "rate_limit_error", "too_many"


class OverBudget(TooMany):
    type, reason = "budget_exceeded", "over_budget"


class BreakerTripped(TooMany):
    type, reason = "breaker_tripped", "breaker_tripped"

    def __init__(
        self,
        message: str,
        *,
        status: int = 429,
        retry_after_s: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        self.status = status
        super().__init__(message, retry_after_s=retry_after_s, metadata=metadata)


class Unavailable(Refused):
    status, type, reason = 503, "unavailable_error", "unavailable"

    def __init__(self, message: str, *, retry_after_s: int | None = None, reason: str | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.reason = reason or self.reason


class UpstreamFailed(Refused):
    status, type, reason = 502, "upstream_error", "upstream_failed"


class OurFault(Refused):
    status, type, reason = 500, "internal_error", "internal_error"

    def __init__(self, *, request_id: object) -> None:
        super().__init__(
            f"Something went wrong on our side. Try again; if it stays, tell support this id: {request_id}"
        )
