"""PDFs to be read by an OCR model: by whose offer, and for how much. Pure; no I/O."""

import msgspec

from core.errors import Unavailable
from core.rules.prices import Cost, Terms, cost_of_pages
from proxy.catalog import Model, Offer, Snapshot
from proxy.pdf.parts import Document

FAMILY = "mistralai/mistral-ocr-"
KIND = "openai"  # its provider is called like those, and has one more address


class Scan(msgspec.Struct, frozen=True):
    """The documents of a call, counted. `messages` are those they came in."""

    offer: Offer
    terms: Terms
    messages: msgspec.Raw
    counts: tuple[tuple[Document, int], ...]

    @property
    def most(self) -> Cost:
        return self.cost_of(sum(pages for _, pages in self.counts))

    def cost_of(self, pages: int) -> Cost:
        return cost_of_pages(pages, self.offer.card, self.terms)


def reader_in(snapshot: Snapshot) -> tuple[Model, Offer]:
    """The model that reads, and its cheapest offer. Raises Unavailable where nobody serves one."""
    found = [
        (name, model, offer)
        for name, model in snapshot.models.items()
        if model.mode == "ocr" and name.startswith(FAMILY)
        for offer in model.offers[:1]
        if offer.provider.kind == KIND
    ]
    if not found:
        raise Unavailable(
            "No provider of Mistral OCR is configured. Use the engine pdf-text, or ask the operator.",
            retry_after_s=60,
        )
    _, model, offer = max(found, key=lambda row: row[0])  # numbers grow, and `latest` stands behind them
    return model, offer
