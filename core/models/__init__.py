"""All tables. Importing this package makes `Base.metadata` whole."""

from core.models.audit import AuditEntry
from core.models.base import Base
from core.models.catalog import CatalogVersion, Model, Offer, PriceCard
from core.models.generations import Generation, ProxyBoot
from core.models.holds import Hold
from core.models.keys import ApiKey
from core.models.members import Member
from core.models.orgs import Org
from core.models.pools import Lease, Pool
from core.models.providers import Provider
from core.models.quarantine import QuarantinedEvent
from core.models.spends import Spend
from core.models.teams import Team
from core.models.usage import UsageDaily, UsageEvent
from core.models.users import User, UserSession
from core.models.versions import VersionBump
from core.models.wallets import LedgerEntry, Wallet

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Base",
    "CatalogVersion",
    "Generation",
    "Hold",
    "Lease",
    "LedgerEntry",
    "Member",
    "Model",
    "Offer",
    "Org",
    "Pool",
    "PriceCard",
    "Provider",
    "ProxyBoot",
    "QuarantinedEvent",
    "Spend",
    "Team",
    "UsageDaily",
    "UsageEvent",
    "User",
    "UserSession",
    "VersionBump",
    "Wallet",
]
