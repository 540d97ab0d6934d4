"""The form a key is made with."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import DateField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from core.actions.keys import LAST_YEAR
from core.errors import BadRequest
from core.money import parse_usd

# The field that stands for a parameter of the action, for its refusals.
FIELDS = {
    "name": "name",
    "keyType": "key_type",
    "spendLimitUsd": "limit",
    "spendLimitPeriod": "period",
    "expiresAt": "expires_on",
}


class KeyForm(FlaskForm):  # type: ignore[misc]
    name = StringField(_("Name"))
    key_type = RadioField(
        _("What it may do"),
        choices=[SelectChoice("standard", _("Call models")), SelectChoice("management", _("Manage keys"))],
        default="standard",
        validate_choice=False,
    )
    limit = StringField(_("Spend limit in US dollars"))
    period = SelectField(
        _("Starts again every"),
        choices=[
            SelectChoice("day", _("Day")),
            SelectChoice("week", _("Week")),
            SelectChoice("month", _("Month")),
        ],
        default="month",
        validate_choice=False,
    )
    expires_on = DateField(_("Last day"))

    def wanted(self) -> dict[str, Any]:
        """What to make. Raises BadRequest naming the parameter that cannot be read."""
        return {
            "name": self.name.data or "",
            "key_type": self.key_type.data or "",
            "spend_limit_n": self._limit_n(),
            "spend_limit_period": self.period.data or "",
            "expires_at": self._expires_at(),
        }

    def _limit_n(self) -> int | None:
        text = (self.limit.data or "").strip().removeprefix("$").strip()
        if not text:
            return None
        try:
            return parse_usd(text)
        except ValueError:
            raise BadRequest(
                gettext("Write an amount of dollars, such as 25 or 0.50."), param="spendLimitUsd"
            ) from None

    def _expires_at(self) -> datetime | None:
        """The end of the last day, UTC."""
        if not "".join(self.expires_on.raw_data or ()).strip():
            return None
        day = self.expires_on.data
        if day is None or day.year > LAST_YEAR:
            raise BadRequest(gettext("Write a day, such as 2027-03-31."), param="expiresAt")
        return datetime.combine(day, time(), UTC) + timedelta(days=1)
