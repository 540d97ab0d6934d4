"""Takes the pictures of the documentation from a running product: `bin/screenshot`, with bin/dev running."""

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from dev.errors import StartError
from dev.files import read_json
from dev.processes import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 860
# Without these a browser in a container waits for services it cannot reach.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)


def shoot(ready: Mapping[str, Any], out: Path, *, scheme: Literal["light", "dark"]) -> None:
    """Write a picture of the demo account's usage page."""
    from playwright.sync_api import sync_playwright  # late: only the test requirements bring it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
        page = browser.new_page(
            base_url=ready["base_url"], viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme
        )
        page.goto("/sign-in")
        page.get_by_label("E-mail").fill(ready["demo"]["email"])
        page.get_by_label("Password").fill(ready["demo"]["password"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/usage*")
        page.screenshot(path=out)
        browser.close()


def ready(state: Path) -> dict[str, Any]:
    """What the product running on `state` says of itself."""
    found = read_json(state / "ready.json")
    if not found:
        raise StartError(f"Nothing runs on {state}. Start bin/dev first.")
    return found


def browser_path() -> str:
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise StartError(f"A picture needs a browser: install one of {', '.join(BROWSERS)}.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/screenshot", description="Take the README's picture.")
    parser.add_argument("--state", type=Path, default=ROOT / "var" / "dev", help="of the running bin/dev")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "usage.png")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    options = parser.parse_args()
    try:
        shoot(ready(options.state), options.out, scheme=options.scheme)
    except StartError as error:
        print(f"bin/screenshot: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
