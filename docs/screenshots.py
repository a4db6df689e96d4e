"""Takes the pictures of the pages that the guides and the README show.

    make demo DEMO=headless            # or any workspace that `spm demo` made
    python docs/screenshots.py         # from .spm-demo; --workspace names another one

Each picture is taken light and dark, of a simulated organisation alone: a workspace without the truth that only a
simulation knows is refused, so that no real person's numbers get into a picture. Needs Debian's `chromium`
(`SPM_CHROMIUM` names another browser) and the packages of `constraints.txt`.
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from serving.app import create_app  # noqa: E402
from serving.settings import ServingSettings  # noqa: E402
from spm_ml.predictions import PredictionStore, Scope, Selection  # noqa: E402
from spm_ml.settings import Workspace  # noqa: E402
from tests.browser.conftest import CHROMIUM, FLAGS  # noqa: E402
from tests.web import running  # noqa: E402

IMAGES: Final = ROOT / "docs" / "images"
SCHEMES: Final = ("light", "dark")
MOST_BYTES: Final = 150_000
WIDTH: Final = 1200


@dataclass(frozen=True)
class Shot:
    """A picture.

    Attributes:
        name: Of the file, without scheme and ending.
        role: Who looks.
        path: Of the page; `{rep}` is a rep of the manager's team who is offered a program.
        first, last: Selectors of the uppermost and the lowest element in it; empty: the first screen of the page.
    """

    name: str
    role: str
    path: str
    first: str = ""
    last: str = ""


SHOTS: Final = (
    Shot("risk-board", "manager", "/"),
    Shot("rep", "manager", "/reps/{rep}"),
    Shot("rep-parts", "manager", "/reps/{rep}", "#parts", "#parts"),
    Shot("rep-diagnosis", "manager", "/reps/{rep}", "#diagnosis", "#diagnosis"),
    Shot("rep-own", "rep", "/reps/{rep}"),
    Shot("planner", "hr", "/planner", "#limits", "#plan > section"),
    Shot("programs", "hr", "/planner", "#programs", "#programs"),
    Shot("model", "analyst", "/model"),
    Shot("model-calibration", "analyst", "/model/calibration"),
    Shot("accounts", "admin", "/accounts"),
)


@dataclass(frozen=True)
class Cast:
    """Who looks at the pages.

    Attributes:
        rep_id: Whose page is shown.
        sessions: An open session for each role.
    """

    rep_id: str
    sessions: dict[str, str]


def cast(store: PredictionStore) -> Cast:
    """Chooses a rep with an offer whose quota is open, and opens sessions for the rep, the rep's manager and others."""
    with store.read(Scope("hr")) as batch:
        reps = batch.reps(Selection(sort="name", limit=100_000)).items
        offers = batch.offers(Selection(sort="name", limit=100_000)).items
    offered = {offer.rep.rep_id for offer in offers if offer.recommendation.abstention is None}
    order = {"medium": 0, "high": 1, "low": 2, None: 3}
    managed = [rep for rep in reps if rep.manager_id is not None]
    chosen = min(managed, key=lambda rep: (rep.rep_id not in offered, order[rep.risk_band], rep.rep_id))
    people = {"manager": chosen.manager_id, "rep": chosen.rep_id, "hr": None, "analyst": None, "admin": None}
    sessions = {}
    for role, person in people.items():
        token = store.credentials.issue(role, rep_id=person, label=role, valid_for=timedelta(hours=1))  # type: ignore[arg-type]
        sessions[role] = store.credentials.open_session(token) or ""
    return Cast(chosen.rep_id, sessions)


def take(browser: Browser, address: str, people: Cast, shot: Shot, scheme: str) -> bytes:
    """One picture as a PNG with few colours."""
    context = browser.new_context(viewport={"width": WIDTH, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    context.add_cookies([{"name": "spm_session", "value": people.sessions[shot.role], "url": address}])
    page = context.new_page()
    answer = page.goto(address + shot.path.format(rep=people.rep_id))
    if answer is None or answer.status != 200:
        raise SystemExit(f"{shot.path} as {shot.role} is answered with {answer and answer.status}")
    picture = page.screenshot(**({"clip": _clip(page, shot), "full_page": True} if shot.first else {}))  # type: ignore[arg-type]
    context.close()
    return few_colours(picture)


def _clip(page: Page, shot: Shot) -> dict[str, float]:
    """The rectangle from one element to another, with a margin."""
    boxes = [_box(page.locator(selector).first) for selector in (shot.first, shot.last)]
    left = min(box["x"] for box in boxes) - 8
    top = min(box["y"] for box in boxes) - 8
    right = max(box["x"] + box["width"] for box in boxes) + 8
    bottom = max(box["y"] + box["height"] for box in boxes) + 8
    return {"x": max(0.0, left), "y": max(0.0, top), "width": right - left, "height": bottom - top}


def _box(element: Locator) -> dict[str, float]:
    found = element.bounding_box()
    if found is None:
        raise SystemExit(f"{element} is not on the screen")
    return dict(found)  # type: ignore[arg-type]


def few_colours(picture: bytes) -> bytes:
    """The same picture with a palette: pages have few colours, and files stay small."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    image.save(packed, "PNG", optimize=True)
    return packed.getvalue()


@contextmanager
def served(workspace: Workspace) -> Iterator[tuple[str, Cast]]:
    """Serves a copy of the workspace's store, so that the sessions made here are not in the original."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "predictions.db"
        shutil.copy(workspace.root / "predictions.db", copy)
        with PredictionStore.open(copy) as store:
            people = cast(store)
        with running(create_app(ServingSettings(store=str(copy)))) as address:
            yield address, people


def main(arguments: Sequence[str] | None = None) -> None:
    """Takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=ROOT / ".spm-demo", help="made by 'spm demo'")
    parser.add_argument("--only", help="a name of one picture")
    options = parser.parse_args(arguments)
    if not any(options.workspace.glob("export-*/truth")):
        raise SystemExit(f"{options.workspace} was not made by 'spm demo': pictures are of simulated people alone")
    IMAGES.mkdir(exist_ok=True)
    with served(Workspace(options.workspace)) as (address, people), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        for shot in SHOTS:
            for scheme in SCHEMES if options.only in (None, shot.name) else ():
                picture = take(browser, address, people, shot, scheme)
                if len(picture) > MOST_BYTES:
                    raise SystemExit(f"{shot.name}-{scheme} has {len(picture):,} bytes; {MOST_BYTES:,} are allowed")
                (IMAGES / f"{shot.name}-{scheme}.png").write_bytes(picture)
        browser.close()


if __name__ == "__main__":
    main()
