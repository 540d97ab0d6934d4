def test_a_stranger_is_shown_the_way_in(browser):
    assert browser.get("/").headers["Location"] == "/sign-in"


def test_who_is_signed_in_sees_usage(browser, person):
    assert browser.get("/").headers["Location"] == "/usage"
