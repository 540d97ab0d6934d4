from dataclasses import replace

import msgspec
import pytest

from core.errors import Unavailable
from core.rules.prices import Cost, Terms
from proxy.catalog import Snapshot
from proxy.pdf.parts import Document
from proxy.pdf.scan import Scan, reader_in
from tests.proxy.test_meter import model

PAGE = {"page": 4_000_000_000_000}  # USD 0.004


def snapshot(*names, **fields):
    made = {"mode": "ocr", "cards": (PAGE,), **fields}
    return Snapshot(1, {name: model(id=name, **made) for name in names})


def test_the_newest_reader_reads():
    names = [f"mistralai/mistral-ocr-{name}" for name in ("2512", "latest", "4", "3")]

    assert reader_in(snapshot(*names))[0].id == "mistralai/mistral-ocr-latest"
    assert reader_in(snapshot(*names[2:]))[0].id == "mistralai/mistral-ocr-4"


@pytest.mark.parametrize(
    "known",
    [
        snapshot(),
        snapshot("mistralai/mistral-ocr-4", cards=()),
        snapshot("mistralai/mistral-ocr-4", mode="chat"),
        snapshot("cohere/parse-v5.0"),
    ],
    ids=["nobody", "nobody serves it", "no reader", "another's"],
)
def test_without_one_the_engine_is_not_to_be_had(known):
    with pytest.raises(Unavailable, match="pdf-text") as refused:
        reader_in(known)

    assert refused.value.retry_after_s == 60


def test_a_provider_that_is_called_in_another_way_is_no_reader():
    known = snapshot("mistralai/mistral-ocr-4")
    reader = known.models["mistralai/mistral-ocr-4"]
    offer = replace(reader.offers[0], provider=replace(reader.offers[0].provider, kind="gemini"))

    with pytest.raises(Unavailable):
        reader_in(Snapshot(1, {reader.id: replace(reader, offers=(offer,))}))


def test_all_pages_are_priced_together():
    _, offer = reader_in(snapshot("mistralai/mistral-ocr-4", cards=({"page": 1_400_000},)))
    counts = (
        (Document(0, ("content", 0), "a", "a", b""), 1),
        (Document(0, ("content", 1), "b", "b", b""), 2),
    )
    scan = Scan(offer=offer, terms=Terms(markup_bps=12_000), messages=msgspec.Raw(b"[]"), counts=counts)

    # 1.4 nano-dollars a page: 4.2 rounded up, and 4.2 x 1.2 x 1.1 = 5.544 rounded up.
    assert scan.most == Cost(5, 6)
    assert scan.cost_of(0) == Cost(0, 0)
