"""Options every command takes, before or after its name, and the kinds of values."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.environment import STATE
from core.errors import BadRequest
from core.money import Nanos, parse_usd

JSON = "bazaar.json"


class Amount(click.ParamType[Nanos]):
    """Dollars as an exact decimal, such as 12.50; at most nine decimal places."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Nanos:
        try:
            return parse_usd(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[datetime]):
    """A date and time in ISO 8601; UTC where it names no zone."""

    name = "iso"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date and time such as 2027-01-31T12:00:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


USD = Amount()
ISO = Moment()


class _Common(click.Command):
    """A command that knows --state and --json."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(
                ["--state"],
                type=click.Path(file_okay=False, path_type=Path),
                expose_value=False,
                callback=_keep(STATE),
                help="Work on the running bin/dev whose state is in this directory.",
            ),
            click.Option(
                ["--json"],
                is_flag=True,
                expose_value=False,
                callback=_keep(JSON),
                help="Answer with one JSON object.",
            ),
        ]


class Verb(_Common):
    """One command."""


class Noun(_Common, click.Group):
    """The commands about one thing."""

    command_class = Verb


def _keep(name: str) -> Any:
    """A callback that notes an option's value for the whole run, wherever it was given."""

    def note(context: click.Context, _param: click.Parameter, value: object) -> None:
        if value:
            context.meta[name] = value

    return note


def credential(api_key: str | None, variable: str | None) -> str | None:
    """The provider credential that --api-key or --api-key-env give; None for neither.

    The variable is always one of the operator's own environment, with --state too.
    """
    if api_key is not None and variable is not None:
        raise BadRequest("Give --api-key or --api-key-env, not both.", param="api_key")
    if variable is None:
        return api_key
    value: str | None = (click.get_current_context().find_object(dict) or {}).get(variable)
    if not value:
        raise BadRequest(f"The environment variable {variable} is not set.", param="api_key_env")
    return value


def changed(field: str, value: object, *, cleared: bool, option: str) -> dict[str, object]:
    """The field that an option sets, or that its --no- counterpart clears; nothing when neither is given."""
    if cleared and value is not None:
        raise BadRequest(f"Give --{option} or --no-{option}, not both.", param=option)
    return {field: value} if cleared or value is not None else {}
