from decimal import Decimal

import pytest

from core.actions.keys import set_enabled
from core.ids import new_key
from proxy.handlers.models import price


async def listed(relay, headers=None, path="/api/v1/models"):
    async with relay.session.get(relay.url + path, headers=headers or {}) as response:
        return response, await response.json()


async def test_everybody_sees_the_models_with_exact_prices(relay, make):
    make.offer(
        "acme/dear",
        prices={"input": "2.5", "output": "10", "cached_read": "0.25"},
        context=200_000,
        max_output=4096,
    )
    await relay.deps.catalog.refresh()

    for path in ("/api/v1/models", "/v1/models"):
        response, document = await listed(relay, path=path)

    assert response.status == 200
    assert document["object"] == "list"
    model = next(m for m in document["data"] if m["id"] == "acme/dear")
    assert model["context_length"] == 200_000
    assert model["top_provider"]["max_completion_tokens"] == 4096
    assert model["owned_by"] == "acme"
    assert model["pricing"] == {
        "prompt": "0.0000025",
        "completion": "0.00001",
        "input_cache_read": "0.00000025",
    }
    assert Decimal(model["pricing"]["prompt"]) * 1_000_000 == Decimal("2.5")
    assert model["available"]
    assert "upstream-secret" not in str(document)


async def test_a_key_that_is_shown_must_be_a_good_one(relay, caller, db, make):
    management = make.secrets[make.key(caller.user, key_type="management").id]

    for secret, status in ((caller.secret, 200), (management, 200), (new_key(), 401), ("nonsense", 401)):
        response, _ = await listed(relay, {"Authorization": f"Bearer {secret}"})
        assert response.status == status
    set_enabled(db, caller.key, enabled=False)
    db.commit()
    response, document = await listed(relay, {"x-api-key": caller.secret})

    assert response.status == 401
    assert document["error"]["message"] == "Invalid or disabled API key."


@pytest.mark.parametrize("path", ["/v1/models/acme/tiny", "/api/v1/models/acme%2Ftiny"])
async def test_one_model_is_told_as_it_is_listed(relay, path):
    _, everything = await listed(relay)

    response, document = await listed(relay, path=path)

    assert response.status == 200
    assert [document] == [model for model in everything["data"] if model["id"] == "acme/tiny"]


async def test_a_model_that_is_not_there_names_the_nearest(relay):
    response, document = await listed(relay, path="/v1/models/acme/tinny")

    assert (response.status, document["error"]["code"]) == (404, "model_not_found")
    assert "acme/tiny" in document["error"]["message"]


async def test_a_model_without_its_author_names_the_likely_id(relay):
    response, document = await listed(relay, path="/v1/models/tiny")

    assert response.status == 400
    assert "Did you mean acme/tiny?" in document["error"]["message"]


async def test_one_model_wants_a_good_key_where_one_is_shown(relay):
    response, _ = await listed(relay, {"Authorization": "Bearer nonsense"}, path="/v1/models/acme/tiny")

    assert response.status == 401


async def test_a_model_is_only_read(relay):
    async with relay.session.post(relay.url + "/v1/models/acme/tiny") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("rate", "text"),
    [(150_000_000, "0.00000015"), (0, "0"), (1, "0.000000000000001"), (10**15, "1"), (2 * 10**18, "2000")],
)
def test_a_price_is_written_exactly_without_an_exponent(rate, text):
    assert price(rate) == text
