"""The journeys that matter, in a real browser."""

import mailbox
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.conftest import ROOT, eventually
from worker.ledger import IDLE_PACE_S

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PASSWORD = "a long enough password"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture
def page(chromium, stack):
    """A fresh browser profile on a fresh page. What the page's console complains of fails the test."""
    context = chromium.new_context(base_url=stack.base_url, viewport=DESKTOP)
    context.set_default_timeout(20_000)
    opened = context.new_page()
    complaints = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture
def demo(page, stack):
    """The demo account, signed in."""
    sign_in(page, stack.ready["demo"]["email"], stack.ready["demo"]["password"])
    return page


def sign_in(page, email, password):
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/usage*")


def mail_to(stack, address):
    """The text of the latest mail to an address, once there is one."""
    found = [
        mail.get_payload(decode=True) or mail.get_payload()[0].get_payload(decode=True)
        for mail in mailbox.Maildir(stack.ready["mailbox_dir"])
        if address in str(mail["To"])
    ]
    return found[-1].decode() if found else None


def test_from_sign_up_to_a_call_on_the_dashboard(page, stack):
    page.goto("/sign-up")
    page.get_by_label("E-mail").fill("new@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/keys")
    letter = eventually(lambda: mail_to(stack, "new@example.com"), within_s=20, what="a verification mail")
    page.goto(re.search(r"http://\S+/verify/\S+", letter)[0])
    page.get_by_role("button", name="Yes, verify it").click()

    stack.bazaar("credits", "grant", "new@example.com", "3", "--note", "for a start")
    page.goto("/keys")
    page.get_by_role("link", name="Create your first key").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#secret").inner_text()

    page.goto("/usage")
    answer = stack.ask(secret)
    page.locator("#calls tr").filter(has_text="laptop").wait_for()
    cost = page.locator("#calls tr").first.inner_text()
    assert f"${answer.json['usage']['cost']:.9f}" in cost


def test_the_pauses_before_a_call_is_shown_are_much_less_than_two_seconds(demo):
    assert demo.evaluate("TICK / SECOND") + IDLE_PACE_S < 1.5  # the rest is for the work


def test_a_streamed_call_arrives_too_and_the_totals_follow(demo, stack):
    before = demo.locator("#calls tr").count()

    answer = stack.ask(stack.ready["demo"]["api_key"], stream=True)

    assert answer.text.rstrip().endswith("data: [DONE]")
    demo.locator("#calls tr").filter(has_text="gpt-4.1-mini").first.wait_for()
    assert demo.locator("#calls tr").count() >= min(before, 1)


def test_a_key_switched_off_in_the_page_is_refused_at_once(demo, stack):
    demo.goto("/keys/new")
    demo.get_by_label("Name").fill("short-lived")
    demo.get_by_role("button", name="Create key").click()
    secret = demo.locator("#secret").inner_text()
    assert stack.ask(secret).status == 200
    demo.goto("/keys")
    row = demo.locator("tr", has_text="short-lived")

    row.get_by_role("button", name="Switch off").click()
    row.get_by_role("button", name="Switch on").wait_for()

    assert stack.ask(secret).status == 401


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/usage", "/keys", "/keys/new", "/credits"])
def test_pages_fit_a_phone(demo, path, scheme):
    demo.set_viewport_size(PHONE)
    demo.emulate_media(color_scheme=scheme)
    demo.goto(path)

    assert demo.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_keyboard_reaches_the_content_first(demo):
    demo.goto("/usage")

    demo.keyboard.press("Tab")

    assert "main" in demo.evaluate("document.activeElement.getAttribute('href')")


def test_signing_out_ends_the_session_everywhere(demo):
    cookies = demo.context.cookies()
    demo.get_by_role("button", name="Sign out").first.click()
    demo.wait_for_url("**/sign-in*")

    demo.context.add_cookies(cookies)
    demo.goto("/usage")

    assert "/sign-in" in demo.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots_are_kept_for_people_to_look_at(demo, scheme):
    shots = Path("var") / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    demo.emulate_media(color_scheme=scheme)
    for name in ("usage", "keys", "keys/new", "credits"):
        for width in (DESKTOP, PHONE):
            demo.set_viewport_size(width)
            demo.goto(f"/{name}")
            path = shots / f"{name.replace('/', '-')}-{scheme}-{width['width']}.png"
            assert demo.screenshot(path=path).startswith(b"\x89PNG")


def test_the_readmes_picture_is_made_by_a_script(chromium, stack, tmp_path):
    out = tmp_path / "usage.png"

    done = subprocess.run(
        [sys.executable, "-m", "dev.screenshot", "--state", stack.state, "--out", out],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
