"""Several hundred bodies that nobody thought of."""

import json

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.proxy.conftest import ask
from tests.proxy.test_bad_input import GOOD, error_of, goes_on
from tests.proxy.test_chat_call import anything, names

bodies = st.dictionaries(names, anything, max_size=5).map(
    lambda fields: json.dumps({**ask(max_tokens=2), **fields}).encode()
)
cut = st.tuples(st.just(GOOD), st.integers(0, len(GOOD)), st.binary(max_size=4)).map(
    lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :]
)


async def test_whatever_a_body_holds_it_never_fails(relay, caller, books):
    found = []

    @settings(
        max_examples=250,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(bodies | cut | st.binary(max_size=50))
    def collect(body):
        found.append(body)

    collect()
    statuses = set()
    for body in dict.fromkeys(found):
        async with relay.post(caller.secret, body) as response:
            text = await response.read()
            assert response.status < 500, body
            statuses.add(response.status)
            if response.status != 200:
                error_of(response.status, text, response.headers)

    assert 400 in statuses
    assert books.holds() == []
    assert await goes_on(relay, caller)
