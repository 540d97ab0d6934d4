from urllib.parse import urlsplit

from catalog.providers import PROVIDERS


def test_every_provider_is_called_over_https_without_a_trailing_slash():
    urls = [urlsplit(provider.base_url) for provider in PROVIDERS]

    assert all(url.scheme == "https" and url.hostname and not url.path.endswith("/") for url in urls)


def test_names_and_key_variables_are_unique():
    names = [provider.name for provider in PROVIDERS]
    variables = [provider.key_env for provider in PROVIDERS]

    assert len(set(names)) == len(names)
    assert len(set(variables)) == len(variables)


def test_makers_come_before_hosts_so_that_a_model_is_listed_at_its_maker():
    hosted = [not provider.author for provider in PROVIDERS]

    assert hosted == sorted(hosted)
