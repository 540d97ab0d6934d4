"""Models that read PDFs, offered as an operator would."""

from datetime import UTC, datetime

from core.actions.offers import add_offer
from core.models import Model

READER = "mistralai/mistral-ocr-latest"


def offer_reader(make, *, base_url, directives=""):
    """Offer a reader at USD 0.002 a page; the simulator's is told what to do by directives."""
    make.provider("mistral", base_url=base_url)
    add_offer(
        make.db,
        model_id=READER,
        provider_name="mistral",
        upstream_model=f"ocr+{directives}".rstrip("+"),
        prices={"page": "0.002"},
        today=datetime.now(UTC).date(),
    )
    make.db.get_one(Model, READER).mode = "ocr"
    make.db.commit()
