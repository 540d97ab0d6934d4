"""The management API: one file per resource, JSON in the SPEC's shapes."""

from flask import Flask

from app.api import credits as credit_api
from app.api import keys, usage


def install(app: Flask) -> None:
    for resource in (credit_api, keys, usage):
        app.register_blueprint(resource.bp, url_prefix="/api/v1")
