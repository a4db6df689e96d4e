"""The Markdown that model cards are written in, as HTML: headings, paragraphs, lists, tables, code and bold.

Everything is escaped first, so a card can hold no markup of its own; pictures are left out, the page draws its own.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

from serving import formats

_INLINE: Final = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
)
_CODE: Final = re.compile(r"(`[^`]+`)")
_HEADING: Final = re.compile(r"(#{1,4}) +(.+)")
_ITEM: Final = re.compile(r"[*-] +(.+)")
_RULE: Final = re.compile(r"\|(\s*:?-+:?\s*\|)+")
_CELLS: Final = re.compile(r"(?<!\\)\|")


def render(text: str) -> Markup:
    r"""Gives the HTML.

    >>> str(render("# A\n\nb **c** <d>\n\n* one\n  more\n* two"))
    '<h3>A</h3><p>b <strong>c</strong> &lt;d&gt;</p><ul><li>one more</li><li>two</li></ul>'
    """
    blocks = re.split(r"\n\s*\n", text.strip())
    return Markup("").join(_block(_unwrapped(block.splitlines())) for block in blocks)


def _unwrapped(lines: list[str]) -> list[str]:
    """Joins the indented lines of a list item to its first line."""
    joined: list[str] = []
    for line in lines:
        if line.startswith(" ") and joined and _ITEM.fullmatch(joined[-1]):
            joined[-1] = f"{joined[-1]} {line.strip()}"
        else:
            joined.append(line)
    return joined


def _block(lines: list[str]) -> Markup:
    return Markup("").join(_run(kind, list(run)) for kind, run in groupby(lines, _kind))


def _kind(line: str) -> str:
    if line.startswith("!["):
        return "picture"
    if _HEADING.fullmatch(line):
        return "heading"
    if _ITEM.fullmatch(line):
        return "item"
    return "row" if line.startswith("|") else "words"


def _run(kind: str, lines: list[str]) -> Markup:
    if kind == "heading":
        # The card stands below the page's own two levels of headings.
        return Markup("").join(
            _wrap(f"h{min(len(found[1]) + 2, 6)}", _inline(found[2]))
            for line in lines
            if (found := _HEADING.fullmatch(line))
        )
    if kind == "item":
        items = (_wrap("li", _inline(found[1])) for line in lines if (found := _ITEM.fullmatch(line)))
        return _wrap("ul", Markup("").join(items))
    if kind == "row":
        return _table(lines)
    return Markup("") if kind == "picture" else _wrap("p", _inline(" ".join(lines)))


def _table(lines: list[str]) -> Markup:
    rows = [[cell.strip().replace("\\|", "|") for cell in _CELLS.split(line.strip())[1:-1]] for line in lines]
    head = bool(len(lines) > 1 and _RULE.fullmatch(lines[1].strip()))
    first = _wrap("thead", _cells("th", rows[0])) if head else Markup("")
    body = _wrap("tbody", Markup("").join(_cells("td", row) for row in rows[2 if head else 0 :]))
    return (
        Markup('<div class="scroll" tabindex="0" role="region" aria-label="Table">')
        + _wrap("table", first + body)
        + Markup("</div>")
    )


def _cells(name: str, cells: Iterable[str]) -> Markup:
    return _wrap("tr", Markup("").join(_wrap(name, _inline(cell)) for cell in cells))


def _inline(text: str) -> Markup:
    """Numbers and days as the pages write them, but for those in code."""
    parts = _CODE.split(text)
    parts[::2] = [formats.stored(words) for words in parts[::2]]
    written = str(escape("".join(parts)))
    for pattern, replacement in _INLINE:
        written = pattern.sub(replacement, written)
    return Markup(written)  # noqa: S704  (escaped above)


def _wrap(name: str, content: Markup) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(Markup(name), content)  # noqa: S704  (our own names)
