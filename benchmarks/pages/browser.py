"""Chromium, and what it says about the pages it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from benchmarks.pages.visits import Click, Visit
from tests.browser.conftest import CHROMIUM, FLAGS

WINDOW: Final = {"width": 1360, "height": 900}
_SECONDS: Final = 30.0

_CLOCK: Final = """
(() => {
  if (location.protocol === 'about:') return;  // what a window shows before its first page
  const now = () => performance.timeOrigin + performance.now();
  const afterPaint = then => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = then;
    channel.port2.postMessage(0);
  });
  const say = (what, ms) => console.debug(`measured ${what} ${ms}`);
  const shown = () => {
    const began = Number(sessionStorage.getItem('began'));
    if (began) { sessionStorage.removeItem('began'); say('click', now() - began); }
  };
  const began = () => { if (!sessionStorage.getItem('began')) sessionStorage.setItem('began', now()); };
  for (const kind of ['click', 'change', 'input', 'submit']) addEventListener(kind, began, {capture: true});
  addEventListener('htmx:afterSettle', () => afterPaint(shown));
  const box = selector => {
    for (const node of document.querySelectorAll(selector)) if (node.getBoundingClientRect().width) return true;
    return false;
  };
  const look = () => {
    const bare = document.readyState !== 'loading' && !document.querySelector('svg');
    if (box('svg')) afterPaint(() => { say('chart', performance.now()); shown(); });
    else if (bare) afterPaint(() => { say('text', performance.now()); shown(); });
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""
"""Says on the console when the first chart of a document has been painted (or its text, where it has none), and when
what a click asked for has: the first paint of the next document, or of what htmx put in."""


@dataclass(frozen=True)
class Load:
    """One cold load of a page.

    Attributes:
        wire: Bytes received, headers included.
        requests: That the browser made.
        server: Milliseconds until the document's first byte.
        chart: Milliseconds from the start of the navigation until the first chart is on the screen; None: has none.
        shown: The same for a page without charts: until its text is.
    """

    wire: int
    requests: int
    server: float
    chart: float | None
    shown: float


@dataclass(frozen=True)
class Loads:
    """Many cold loads of one page."""

    visit: Visit
    loads: tuple[Load, ...]

    @property
    def wire(self) -> int:
        """Bytes of the heaviest."""
        return max(load.wire for load in self.loads)

    @property
    def requests(self) -> int:
        """The most there were."""
        return max(load.requests for load in self.loads)

    @property
    def server(self) -> float:
        """Median milliseconds to the first byte."""
        return median(load.server for load in self.loads)

    @property
    def shown(self) -> tuple[float, float]:
        """Median and least milliseconds until the first chart, or the text where there is none."""
        times = [load.shown for load in self.loads]
        return median(times), min(times)

    @property
    def has_chart(self) -> bool:
        """Whether there is a chart on the page."""
        return all(load.chart is not None for load in self.loads)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, closed when the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _window(browser: Browser, address: str, session: str) -> Iterator[Page]:
    """A window with nothing in its cache, logged in."""
    context = browser.new_context(viewport=WINDOW)  # type: ignore[arg-type]
    context.add_cookies([{"name": "spm_session", "value": session, "url": address}])
    context.add_init_script(_CLOCK)
    try:
        yield context.new_page()
    finally:
        context.close()


def load(browser: Browser, address: str, session: str, visit: Visit) -> Load:
    """Opens a page in a fresh window and measures it.

    Raises:
        ConnectionError: The page is not answered with 200.
    """
    with _window(browser, address, session) as page:
        wire: list[float] = []
        asked: list[str] = []
        network = page.context.new_cdp_session(page)
        network.on("Network.loadingFinished", lambda event: wire.append(event["encodedDataLength"]))
        network.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
        network.send("Network.enable")
        with page.expect_console_message(_measured("chart", "text"), timeout=_SECONDS * 1_000) as said:
            answer = page.goto(address + visit.path)
        if answer is None or answer.status != 200:
            raise ConnectionError(f"{visit.path} as {visit.who}: {answer and answer.status}")
        page.wait_for_load_state("networkidle")
        timing = page.locator(":root").evaluate("() => performance.getEntriesByType('navigation')[0].responseStart")
        _, what, shown = said.value.text.split()
        chart = float(shown) if what == "chart" else None
        return Load(int(sum(wire)), len(asked), float(timing), chart, float(shown))


def clicked(browser: Browser, address: str, session: str, click: Click, times: int) -> list[float]:
    """Does the same thing again and again, each time on the page anew; milliseconds until it is on the screen."""
    found = []
    with _window(browser, address, session) as page:
        for _ in range(times):
            page.goto(address + click.path)
            page.wait_for_load_state("networkidle")
            with page.expect_console_message(_measured("click"), timeout=_SECONDS * 1_000) as said:
                click.act(page)
            found.append(float(said.value.text.split()[2]))
    return found


def _measured(*what: str) -> Any:
    def fits(message: ConsoleMessage) -> bool:
        return message.text.startswith(tuple(f"measured {one} " for one in what))

    return fits
