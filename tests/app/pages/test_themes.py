import pytest


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_theme_is_remembered(browser, theme):
    response = browser.post("/theme", {"theme": theme, "next": "/sign-in"})

    assert response.headers["Location"] == "/sign-in"
    assert f'data-theme="{theme}"' in browser.get("/sign-in").text


def test_any_other_theme_goes_back_to_the_systems(browser):
    browser.post("/theme", {"theme": "dark"})

    browser.post("/theme", {"theme": '"><script>'})

    assert "data-theme" not in browser.get("/sign-in").text


def test_a_forged_cookie_changes_nothing(browser):
    browser.client.set_cookie("theme", "purple")

    assert "data-theme" not in browser.get("/sign-in").text


def test_the_reader_stays_on_this_site(browser):
    response = browser.post("/theme", {"theme": "dark", "next": "//evil.example"})

    assert response.headers["Location"] == "/"
