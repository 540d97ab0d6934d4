"""The management API as programs call it: JSON over HTTP, with a key."""

from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.models import ApiKey, User


@dataclass
class Program:
    """A client that shows a key."""

    client: FlaskClient
    secret: str
    user: User
    key: ApiKey

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        options.setdefault("headers", {"Authorization": f"Bearer {self.secret}"})
        if isinstance(body, bytes):
            options["data"] = body
        elif body is not None:
            options["json"] = body
        return self.client.open("/api/v1" + path, method=method, **options)


@pytest.fixture
def program(app, make):
    """Makes programs: each with a key of the type it is asked for."""

    def made(key_type: str = "management", user: User | None = None, **fields: Any) -> Program:
        user = user or make.user(credits_usd="10")
        key = make.key(user, key_type=key_type, **fields)
        return Program(app.test_client(), make.secrets[key.id], user, key)

    return made
