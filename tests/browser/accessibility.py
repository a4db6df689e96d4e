"""What axe finds on a page: WCAG 2.2 AA and what the authors of axe hold to be good practice."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

EVERYTHING = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@cache
def _source() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, *, colours_only: bool = False) -> list[str]:
    """Each broken rule with the elements that break it; `colours_only`: where the same page was looked at otherwise.

    axe runs in a world of its own, over the debugger's protocol: the page's content policy forbids scripts of others.
    """
    session = page.context.new_cdp_session(page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})["executionContextId"]

    def run(expression: str) -> Any:
        answer = session.send(
            "Runtime.evaluate",
            {"expression": expression, "contextId": world, "awaitPromise": True, "returnByValue": True},
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    if run("typeof axe") == "undefined":  # the same page is looked at again in other colours
        run(f"{_source()}; 0")
    rules = {"type": "rule", "values": ["color-contrast"]} if colours_only else {"type": "tag", "values": EVERYTHING}
    options = json.dumps({"runOnly": rules, "resultTypes": ["violations"]})
    found = run(f"axe.run(document, {options}).then(results => results.violations)")
    session.detach()
    return [
        f"{rule['id']}: {rule['help']}: {node['html']} ({node['failureSummary']})"
        for rule in found
        for node in rule["nodes"]
    ]
