"""All tables. Importing this package makes `Base.metadata` whole."""

from core.models.audit import AuditEntry
from core.models.base import Base
from core.models.catalog import CatalogVersion, Model, Offer, PriceCard
from core.models.holds import Hold
from core.models.keys import ApiKey
from core.models.members import Member
from core.models.orgs import Org
from core.models.providers import Provider
from core.models.teams import Team
from core.models.usage import UsageDaily, UsageEvent
from core.models.users import User, UserSession
from core.models.wallets import LedgerEntry, Wallet

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Base",
    "CatalogVersion",
    "Hold",
    "LedgerEntry",
    "Member",
    "Model",
    "Offer",
    "Org",
    "PriceCard",
    "Provider",
    "Team",
    "UsageDaily",
    "UsageEvent",
    "User",
    "UserSession",
    "Wallet",
]
