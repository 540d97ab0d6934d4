"""Calls that may hold documents, whatever their format."""

from typing import ClassVar

from proxy.model_call import ModelCall
from proxy.pdf.places import Places
from proxy.pdf.plugins import Engine
from proxy.pdf.scan import Scan


class DocumentCall(ModelCall, frozen=True, kw_only=True):
    """A call that says who is to read its documents."""

    PLACES: ClassVar[Places]

    pdf_engine: Engine | None = None  # as asked for
    scan: Scan | None = None  # what is to be read for it, once it is admitted
