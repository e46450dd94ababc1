"""Pictures of the page: every tab, scrolled through, at five sizes, light and dark, in every language; or the README's.

    python scripts/screenshots.py all FOLDER [--address URL] [--tabs beam,inside] [--sizes phone,desk] [--schemes dark]
        [--languages zh]
    python scripts/screenshots.py readme        takes assets/pictures/*.png anew, each with a palette of 256 colours

Without an address this checkout is served. What is asked for is looked at by a person: the script judges nothing.
"""

import argparse
import io
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playground.i18n import languages  # noqa: E402

PICTURES = ROOT / "assets" / "pictures"
SIZES = {"desk": (1440, 900), "wall": (1920, 1080), "small": (1280, 720), "tablet": (768, 1024), "phone": (390, 844)}
SCHEMES = ("light", "dark")
TABS = ("generate", "beam", "compare", "tokenizer", "attention", "inside", "lockstep")  # in the order of the tab bar
WAITS = {
    "generate": "#strip .token",
    "beam": ".beam-tree[data-steps]",
    "compare": "#compare-run button",
    "tokenizer": "#tokenizer .tok",
    "attention": "#head-grid canvas",
    "inside": '#inside-badge .live-text[data-kind="good"]',
    "lockstep": '#lockstep-badge .live-text[data-kind="good"]',
}
SETTLED = """() => [...document.querySelectorAll(".live-plot")].filter(plot => {
  const { top, bottom, width } = plot.getBoundingClientRect();
  return bottom > 0 && top < innerHeight && width;
}).every(plot => "frame" in plot.dataset)"""


@contextmanager
def served() -> Iterator[str]:
    """This checkout's app on a free port, until the pictures are taken."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    app = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urlopen(address, timeout=5).close()
                break
            except (URLError, TimeoutError):
                if app.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("The app does not answer: see its messages above.") from None
                time.sleep(0.3)
        yield address
    finally:
        app.terminate()
        app.wait(20)


def opened(
    browser: Browser, address: str, size: tuple[int, int], scheme: Any, tab: str = "generate", language: str = "en"
) -> Page:
    """A new visitor's page, on a tab whose first numbers are there."""
    is_phone = size[0] < 600
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce", locale=language,
        has_touch=is_phone, is_mobile=is_phone,
    )  # fmt: skip
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(WAITS["generate"], timeout=60_000)
    page.wait_for_function('document.querySelector("#model .live-text").dataset.kind === "good"', timeout=120_000)
    if tab != "generate":
        page.get_by_role("tab").nth(TABS.index(tab)).click()
        page.wait_for_selector(WAITS[tab], timeout=60_000)
    settle(page)
    return page


def settle(page: Page) -> None:
    """Until what is on screen is drawn, and Gradio has no more to move."""
    page.wait_for_timeout(400)
    page.wait_for_function(SETTLED, timeout=30_000)
    page.wait_for_timeout(300)


def scroll_through(page: Page, stem: Path) -> None:
    """A picture a screen, from the top to the end of the page."""
    number, top = 0, -1
    while True:
        now = page.evaluate("scrollY")
        if now == top:
            return
        top = now
        page.screenshot(path=f"{stem}-{number:02}.png")
        number += 1
        page.evaluate("scrollBy({top: innerHeight * 0.8, behavior: 'instant'})")
        settle(page)


def take_all(browser: Browser, address: str, options: argparse.Namespace) -> None:
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for size in options.sizes.split(","):
        for scheme in options.schemes.split(","):
            for language, tab in product(options.languages.split(","), options.tabs.split(",")):
                page = opened(browser, address, SIZES[size], scheme, tab, language)
                if tab == "compare":  # nothing is compared before somebody asks for it
                    page.locator("#compare-run button").click()
                    page.wait_for_selector('.lane-badge[data-kind="good"]', timeout=60_000)
                name = f"{tab}-{size}-{scheme}-{language}"
                scroll_through(page, folder / name)
                page.context.close()
                print(name, flush=True)


def keep(picture: bytes, name: str) -> None:
    """As a palette PNG, a third of the bytes: its 256 most frequent colours as they are, all others as the nearest."""
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    counted: Any = whole.getcolors(whole.width * whole.height)
    frequent = [colour for _, colour in sorted(counted, reverse=True)[:256]]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in frequent for part in colour])
    reduced = whole.quantize(palette=palette, dither=Image.Dither.NONE)
    path = PICTURES / f"{name}.png"
    reduced.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def take_readme(browser: Browser, address: str) -> None:
    for name, size, scheme in (("light", "desk", "light"), ("dark", "wall", "dark"), ("phone", "phone", "light")):
        page = opened(browser, address, SIZES[size], scheme)
        page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
        keep(page.screenshot(), f"generate-{name}")
        if name == "light":
            keep(panels_below(page), "dice-light")
        page.context.close()
    for tab in ("beam", "tokenizer", "attention"):
        page = opened(browser, address, SIZES["desk"], "light", tab)
        if tab == "tokenizer":
            page.get_by_role("button", name="␣chartreuse", exact=True).first.click()
        settle(page)
        page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
        if tab == "attention":
            page.locator('[data-fold="masks"] .fold').click()
            page.locator("#mask-causal").scroll_into_view_if_needed()
            page.evaluate("document.querySelector('[data-fold=masks]').closest('.panel').scrollIntoView()")
            settle(page)
        page.mouse.move(0, 0)
        keep(page.screenshot(), f"{tab}-light")
        page.context.close()


def panels_below(page: Page) -> bytes:
    """From the race of the dice to the mass flow, in one picture: on a screen that is tall enough for all of it."""
    page.set_viewport_size({"width": SIZES["desk"][0], "height": 4000})
    for name in ("dice", "same-dice", "map", "flow"):
        page.locator(f'[data-fold="{name}"] .fold').click()
    settle(page)
    boxes: Any = page.evaluate(
        """() => ["race", "mass_flow"].map(name => {
          const panel = document.querySelector(`.live-plot.${name}`).closest(".panel:not(.panel .panel)");
          const {y, bottom} = panel.getBoundingClientRect();
          return {y, bottom};
        })"""
    )
    results: Any = page.locator("#results").bounding_box()
    x, y = results["x"], boxes[0]["y"] + page.evaluate("scrollY")
    clip = {"x": x, "y": y, "width": results["width"], "height": boxes[1]["bottom"] + page.evaluate("scrollY") - y}
    return page.screenshot(clip=clip, full_page=True)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", help="of an app that runs already")
    commands = parser.add_subparsers(dest="command", required=True)
    everything = commands.add_parser("all")
    everything.add_argument("folder")
    everything.add_argument("--tabs", default=",".join(TABS))
    everything.add_argument("--sizes", default=",".join(SIZES))
    everything.add_argument("--schemes", default=",".join(SCHEMES))
    everything.add_argument("--languages", default=",".join(languages()))
    commands.add_parser("readme")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if not chromium:
        raise SystemExit("The pictures need Chromium: apt-get install chromium")

    def take(address: str) -> None:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            if options.command == "all":
                take_all(browser, address, options)
            else:
                take_readme(browser, address)
            browser.close()

    if options.address:
        take(options.address)
    else:
        with served() as address:
            take(address)


if __name__ == "__main__":
    main()
