from proxy.providers import openai


def test_a_provider_is_told_our_credential_and_nothing_of_the_clients():
    assert openai.headers("theirs")["Authorization"] == "Bearer theirs"
    assert set(openai.headers("theirs")) == {
        "Authorization", "Content-Type", "Accept", "Accept-Encoding", "User-Agent",
    }  # fmt: skip
