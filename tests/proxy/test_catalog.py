import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from core.actions.offers import add_offer
from core.db import async_engine
from core.errors import BadRequest, NotFound, Unavailable
from core.models import Model
from core.rules.prices import Tier
from proxy.catalog import Catalog, Provider, Snapshot
from tests.proxy.conftest import until
from tests.proxy.test_meter import model


@pytest.fixture
async def catalog(settings):
    engine = async_engine(settings.database_url, pool_size=2)
    yield Catalog(engine, provider_secret=settings.provider_secret, fee_bps=1000)
    await engine.dispose()


def snapshot(*names, **fields):
    return Snapshot(1, {name: model(**{"id": name, **fields}) for name in names})


def test_a_bare_name_is_refused_with_the_ids_that_end_in_it():
    with pytest.raises(BadRequest, match=r"Did you mean a/gpt, b/gpt\?"):
        snapshot("a/gpt", "b/gpt", "a/other").callable_model("gpt", modes=("chat",))


def test_a_bare_name_nobody_has_is_refused_without_a_guess():
    with pytest.raises(BadRequest, match=r"lacks the provider\.$"):
        snapshot("a/gpt").callable_model("zzz", modes=("chat",))


def test_an_unknown_id_is_not_found_and_the_nearest_are_named():
    with pytest.raises(NotFound, match="acme/tiny"):
        snapshot("acme/tiny").callable_model("acme/tinny", modes=("chat",))
    with pytest.raises(NotFound, match="lists them"):
        snapshot("acme/tiny").callable_model("q/" + "z" * 190, modes=("chat",))


def test_a_video_model_names_its_endpoint():
    with pytest.raises(BadRequest, match="/api/v1/videos") as refused:
        snapshot("a/film", mode="video").callable_model("a/film", modes=("chat",))

    assert refused.value.code == "wrong_endpoint_for_video"


@pytest.mark.parametrize(
    ("mode", "asked", "where"),
    [
        ("embedding", "chat", "call it at /api/v1/embeddings"),
        ("chat", "embedding", "call it at /api/v1/chat/completions"),
        ("completion", "chat", "call it at /api/v1/completions"),
        ("speech", "chat", "there is no endpoint for that"),
    ],
)
def test_a_model_of_another_mode_names_its_endpoint(mode, asked, where):
    with pytest.raises(BadRequest, match=where) as refused:
        snapshot("a/b", mode=mode).callable_model("a/b", modes=(asked,), param="models")

    assert refused.value.param == "models"


def test_a_model_nobody_serves_is_unavailable():
    with pytest.raises(Unavailable) as refused:
        snapshot("a/b", cards=()).callable_model("a/b", modes=("chat",))

    assert refused.value.retry_after_s == 60


async def test_offers_are_read_cheapest_first_with_their_credential(catalog, make):
    make.provider("acme", api_key="first-secret")
    make.provider("other")
    make.offer("acme/tiny", prices={"input": "2", "output": "2"})
    make.offer("acme/tiny", provider="other", prices={"input": "1", "output": "1"})

    await catalog.refresh()

    offers = catalog.now.models["acme/tiny"].offers
    assert [offer.provider.name for offer in offers] == ["other", "acme"]
    assert offers[1].provider.api_key == "first-secret"
    assert "first-secret" not in repr(catalog.now)


async def test_nothing_is_read_again_while_nothing_changed(catalog, make):
    make.provider("acme")
    make.offer()
    await catalog.refresh()
    before = catalog.now

    await catalog.refresh()
    assert catalog.now is before
    make.offer("acme/more")
    await catalog.refresh()
    assert "acme/more" in catalog.now.models


def price_input_only(db):
    db.execute(
        text(
            "INSERT INTO price_cards (id, rates, tiers, source, as_of) VALUES (gen_random_uuid(), '{\"input\": 5}', '[]', 't', now())"
        )
    )
    db.execute(text("UPDATE offers SET price_card_id = (SELECT id FROM price_cards WHERE source = 't')"))
    db.execute(text("UPDATE catalog_version SET version = version + 1"))
    db.commit()


async def test_a_price_that_is_not_complete_is_not_callable(catalog, make, db):
    make.provider("acme")
    make.offer()
    price_input_only(db)
    await catalog.refresh()

    with pytest.raises(Unavailable):
        catalog.now.callable_model("acme/tiny", modes=("chat",))


async def test_embeddings_need_no_price_for_output(catalog, make, db):
    make.provider("acme")
    make.offer(mode="embedding")
    price_input_only(db)
    await catalog.refresh()

    found = catalog.now.callable_model("acme/tiny", modes=("embedding",))

    assert found.offers[0].card.rates == {"input": 5, "output": 0}
    assert found.offers[0].mode == "embedding"


async def test_a_reader_is_priced_by_its_pages(catalog, make, db):
    for provider, price in (("dear", "0.004"), ("cheap", "0.002")):
        make.provider(provider)
        add_offer(
            db,
            model_id="acme/reader",
            provider_name=provider,
            upstream_model="reader",
            prices={"page": price},
            today=datetime.now(UTC).date(),
        )
    db.get_one(Model, "acme/reader").mode = "ocr"
    db.commit()

    await catalog.refresh()

    reader = catalog.now.models["acme/reader"]
    assert [offer.provider.name for offer in reader.offers] == ["cheap", "dear"]
    assert reader.card.rates == {"page": 2 * 10**12}
    with pytest.raises(BadRequest, match="ocr"):
        catalog.now.callable_model("acme/reader", modes=("chat",))


async def test_a_credential_sealed_with_another_secret_takes_only_its_offers_away(catalog, make, settings):
    make.provider("acme")
    make.offer()
    make.settings = replace(settings, provider_secret=b"x" * 32)
    make.provider("foreign")
    make.offer("foreign/model", provider="foreign")

    await catalog.refresh()

    assert catalog.now.models["acme/tiny"].offers
    assert catalog.now.models["foreign/model"].offers == ()


async def test_long_context_prices_are_kept_in_order(catalog, make, db):
    make.provider("acme")
    make.offer()
    tiers = '[{"above_input_tokens": 200, "rates": {"input": 3}}, {"above_input_tokens": 100, "rates": {"input": 2}}]'
    db.execute(
        text(
            "INSERT INTO price_cards (id, rates, tiers, source, as_of) SELECT gen_random_uuid(), rates, CAST(:t AS jsonb), 'u', now() FROM price_cards"
        ),
        {"t": tiers},
    )
    db.execute(text("UPDATE offers SET price_card_id = (SELECT id FROM price_cards WHERE source = 'u')"))
    db.execute(text("UPDATE catalog_version SET version = version + 1"))
    db.commit()

    await catalog.refresh()

    card = catalog.now.models["acme/tiny"].offers[0].card
    assert card.tiers == (Tier(100, {"input": 2}), Tier(200, {"input": 3}))


async def test_a_model_that_is_switched_off_is_gone(catalog, make, db):
    make.provider("acme")
    make.offer()
    db.get_one(Model, "acme/tiny").enabled = False
    db.commit()

    await catalog.refresh()

    assert catalog.now.models == {}


async def test_without_a_database_the_last_catalogue_serves_on(catalog, make, db):
    make.provider("acme")
    make.offer()
    await catalog.refresh()
    keeping = asyncio.create_task(catalog.keep_fresh())
    db.execute(text("ALTER TABLE catalog_version RENAME TO away"))
    db.commit()
    before = catalog.now
    await asyncio.wait({keeping}, timeout=1.3)
    assert not keeping.done()
    assert catalog.now is before

    db.execute(text("ALTER TABLE away RENAME TO catalog_version"))
    db.commit()
    make.offer("acme/back")
    await until(lambda: "acme/back" in catalog.now.models)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


def test_a_provider_hides_its_credential():
    assert "secret" not in repr(Provider(None, "a", "openai", "http://x", False, "secret"))


def test_a_model_reasons_where_the_catalogue_says_it_or_its_thoughts_have_a_price():
    plain = {"input": 1, "output": 2}

    assert [
        model(cards=(plain,)).reasons,
        model(cards=(plain,), supported_parameters=("max_tokens", "reasoning")).reasons,
        model(cards=(plain, {**plain, "reasoning": 3})).reasons,
    ] == [False, True, True]
