"""What all forms share: one that core refused says so at the field it is about."""

from flask_wtf import FlaskForm

from core.errors import BadRequest


def blame(form: FlaskForm, error: BadRequest, *, fields: dict[str, str], default: str) -> None:
    """Put the refusal under the field of the form that stands for the refused parameter."""
    name = fields.get(error.param or "", default)
    form[name].errors = [*form[name].errors, error.message]
