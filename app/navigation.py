"""What the frame round a page shows: where one can go, who one is."""

from dataclasses import dataclass

from flask import Flask, g, request, url_for
from flask_babel import gettext as _


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the navigation; `here` when the page belongs to it."""

    label: str
    url: str
    icon: str
    here: bool


def install(app: Flask) -> None:
    app.context_processor(lambda: {"places": places, "user": g.get("user")})


def places() -> list[Place]:
    lines = (
        (_("Usage"), "usage", "chart"),
        (_("API keys"), "keys", "key"),
        (_("Credits"), "credits", "wallet"),
    )
    return [
        Place(label=label, url=url_for(f"{noun}.index"), icon=icon, here=request.blueprint == noun)
        for label, noun, icon in lines
    ]
