"""`python -m cli`: the operator's command line."""

import os
import sys
from collections.abc import Mapping, Sequence

import click
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from cli.allowed_models import allowed_models
from cli.answers import Answer, to_json
from cli.audit import audit
from cli.breakers import breaker
from cli.check import check
from cli.credits import credits_
from cli.keys import keys
from cli.ledger import ledger
from cli.members import members
from cli.models import models
from cli.options import Noun
from cli.orgs import orgs
from cli.providers import providers
from cli.release import catalog, migrate
from cli.teams import teams
from cli.users import users
from core.errors import BadRequest, Refused, Unavailable
from core.logs import configure_logs


@click.group("bazaar", cls=Noun, context_settings={"help_option_names": ["-h", "--help"]})
def bazaar() -> None:
    """Run BazaarLink: accounts, organizations, credits, providers, models, keys and the books.

    Settings come from the environment (docs/settings.md), or with --state from a running bin/dev. What a
    command changes is in force in running processes within two seconds.
    """


COMMANDS = (
    users, orgs, teams, members, allowed_models, breaker, credits_, providers, models, keys, ledger, audit,
    check, migrate, catalog,
)  # fmt: skip
for command in COMMANDS:
    bazaar.add_command(command)


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run one command and print its answer. Returns the exit code: 1 for every refusal."""
    configure_logs("warning", "cli")
    as_json = "--json" in arguments
    try:
        answer = _run(arguments, env)
    except Refused as error:
        if as_json:
            print(to_json(error.body()))
        else:
            print(f"Error: {error.message}", file=sys.stderr)
        return 1
    if not isinstance(answer, Answer):  # --help has printed all there is to say
        return 0
    _print(to_json(answer.data) if as_json else answer.text)
    return answer.exit_code


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as head, has seen enough; what was done is done
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str], env: Mapping[str, str]) -> object:
    """Run one command. Raises Refused for all that an operator can put right."""
    try:
        return bazaar.main(list(arguments), prog_name="bazaar", standalone_mode=False, obj=dict(env))
    except click.exceptions.NoArgsIsHelpError as error:
        return Answer({"help": error.message}, error.message, exit_code=1)
    except click.Abort:
        raise Refused("Stopped; nothing was changed.") from None
    except click.ClickException as error:
        raise BadRequest(_sentence(error)) from None
    except DBAPIError as error:
        if (refused := _database_refusal(error)) is None:
            raise
        raise refused from error


def _sentence(error: click.ClickException) -> str:
    message = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message.rstrip('.')}. See {error.ctx.command_path} --help."
    return message


def _database_refusal(error: DBAPIError) -> Refused | None:
    """The sentence for what an operator can put right; None for a mistake of ours."""
    if isinstance(error, OperationalError):
        reason = " ".join(str(error.orig).split())
        return Unavailable(f"PostgreSQL cannot be used (DATABASE_URL): {reason}")
    if isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) == "42P01":
        return Unavailable("The database has no tables yet. Run the migrate command first.")
    if isinstance(error, IntegrityError):
        return Unavailable("Somebody else changed the same thing at this moment. Run the command again.")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
