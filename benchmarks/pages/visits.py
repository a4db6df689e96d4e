"""Which pages are loaded and what is clicked on them, as data: a new page is one more line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page as Window

from serving.assets import Assets


@dataclass(frozen=True)
class Visit:
    """A page that somebody opens.

    Attributes:
        who: Of `tests.prediction_world.PRINCIPALS`.
        path: Its address.
        name: As in the table.
    """

    who: str
    path: str
    name: str


@dataclass(frozen=True)
class Click:
    """Something that somebody does on a page.

    Attributes:
        who, path: The page on which it is done.
        name: As in the table.
        act: Does it in the open window.
        reps: It needs so many on the board.
    """

    who: str
    path: str
    name: str
    act: Callable[[Window], None]
    reps: int = 0


def _slides(selector: str) -> Callable[[Window], None]:
    """Moves a slider by a key, as a hand would by a step."""

    def act(window: Window) -> None:
        window.locator(selector).first.focus()
        window.keyboard.press("ArrowLeft")

    return act


def _clicks(selector: str) -> Callable[[Window], None]:
    return lambda window: window.locator(selector).first.click()


COMPARED: Final = Visit("vp", Assets.load().url("icon.svg"), "for comparison: the icon alone")
"""The least that a picture can take here: one request, no store."""

VISITS: Final = (
    Visit("vp", "/", "risk board"),
    Visit("vp", "/reps/r-101", "a rep, as the manager sees it"),
    Visit("vp", "/teams", "teams"),
    Visit("rep", "/reps/r-201", "a rep, as the rep sees it"),
    Visit("hr", "/planner", "planner"),
    Visit("hr", "/cases", "cases"),
    Visit("analyst", "/model", "model room"),
    Visit("analyst", "/model/calibration", "model room: calibration"),
    Visit("analyst", "/model/drift", "model room: drift"),
    Visit("analyst", "/model/data", "model room: data"),
    Visit("admin", "/accounts", "accounts"),
    Visit("analyst", "/glossary", "glossary"),
)
"""Each role's main pages."""

CLICKS: Final = (
    Click("vp", "/", "risk board: sort", _clicks("table.risks thead a")),
    Click("vp", "/", "risk board: one band", _clicks("nav.bands a >> nth=1")),
    Click("vp", "/", "risk board: next page", _clicks("nav.pager a[rel=next]"), reps=60),
    Click("vp", "/", "risk board: open a rep", _clicks("table.risks tbody th a")),
    Click("vp", "/", "risk board: an earlier day", _slides("#f-slider")),
    Click("hr", "/planner", "planner: another budget", _slides("#limits input[type=range]")),
)
"""What people do most."""
