import pytest


@pytest.mark.parametrize("path", ["/usage", "/keys", "/credits"])
def test_the_place_a_page_belongs_to_is_marked(browser, person, path):
    page = browser.get(path).text

    assert page.count('aria-current="page"') == 1
    assert f'href="{path}" aria-current="page"' in page
