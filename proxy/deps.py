"""What handlers work with: made once at start, handed to them by the application."""

from dataclasses import dataclass, field

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from core.config import Settings
from proxy.apps import Apps
from proxy.catalog import Catalog
from proxy.clock import Clock
from proxy.floods import Floods
from proxy.grants import Grants
from proxy.large_bodies import LargeBodies
from proxy.leases.build import Leases
from proxy.pdf.extraction import Bounds, Extractor
from proxy.pdf.inputs import PdfInputs
from proxy.refusals import Refusals
from proxy.routing.sharing import Sharing
from proxy.running import Running
from proxy.upstream.offers import Upstreams


@dataclass(frozen=True, slots=True)
class Deps:
    settings: Settings
    engine: AsyncEngine
    catalog: Catalog
    grants: Grants
    running: Running
    upstreams: Upstreams
    sharing: Sharing
    refusals: Refusals
    leases: Leases
    clock: Clock
    apps: Apps = field(default_factory=Apps)
    pdfs: PdfInputs = field(default_factory=lambda: PdfInputs(Extractor(Bounds())))
    floods: Floods = field(default_factory=Floods)
    large_bodies: LargeBodies = field(default_factory=LargeBodies)


DEPS = web.AppKey("deps", Deps)
