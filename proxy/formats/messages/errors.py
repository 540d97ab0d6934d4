"""Errors in the shape of the Messages format, with what ours say beside it: code, param, scope, metadata."""

from typing import Any

from core.errors import Refused

SERVER_ERROR = 500
# By this a client knows that it can go on by sending the whole conversation, as SDKs' tool loops do.
NO_THREADS = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def error_type(status: int) -> str:
    """The format's word for a status. One it has no word for is the sender's fault or the server's."""
    return TYPES.get(status) or ("api_error" if status >= SERVER_ERROR else "invalid_request_error")


def error_body(refused: Refused, *, request_id: object) -> dict[str, Any]:
    said: Any = refused.body()["error"]
    error = {**said, "type": error_type(refused.status)}
    if said.get("param") == "thread":
        error["details"] = NO_THREADS
    return {"type": "error", "error": error, "request_id": str(request_id)}
