"""What organizations, teams and members may set of their spend circuit breaker."""

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import nanos
from core.rules.breakers import BreakerSettings


class BreakerColumns:
    """Null inherits: from the member's team, the team's organization, the organization's installation."""

    cb_enabled: Mapped[bool | None]
    cb_minute_n: Mapped[nanos | None] = mapped_column(CheckConstraint("cb_minute_n > 0", name="cb_minute"))
    cb_hourly_n: Mapped[nanos | None] = mapped_column(CheckConstraint("cb_hourly_n > 0", name="cb_hourly"))
    cb_shadow: Mapped[bool | None]  # records what it would have refused, refuses nothing

    @property
    def breaker(self) -> BreakerSettings:
        return BreakerSettings(self.cb_enabled, self.cb_minute_n, self.cb_hourly_n, self.cb_shadow)
