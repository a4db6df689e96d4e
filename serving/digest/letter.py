"""A digest as a mail: text and HTML that say the same; it loads nothing, and nothing tells that it was read."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from textwrap import fill
from typing import Final

from markupsafe import Markup

from serving.digest.content import Digest, Line

Link = Callable[[str], str]
"""Makes a whole address of a path."""

_STYLE: Final = Markup(
    "<style>:root{color-scheme:light dark}body{margin:0;padding:16px;font:16px/1.5 system-ui,sans-serif;"
    "color:#1b1f24;background:#fff}main{max-width:40em;margin:0 auto}h1{font-size:1.3em}h2{font-size:1.05em;"
    "margin:1.4em 0 .3em}ul{margin:0;padding-left:1.2em}a{color:#0b5cad}.small{font-size:.85em;color:#57606a}"
    "@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#16191d}a{color:#7db7f5}.small{color:#a5adb6}}"
    "</style>"
)


def plain_text(digest: Digest, link: Link, unsubscribe: str) -> str:
    """The mail as text of at most 78 characters a line, addresses apart."""
    parts = [digest.subject, "=" * len(digest.subject), "", fill(digest.opening, 78)]
    for section in digest.sections:
        parts += ["", section.heading, "-" * len(section.heading)]
        if not section.lines:
            parts.append(fill(section.nothing, 78))
        for line in section.lines:
            parts.append(fill(line.text, 78, initial_indent="* ", subsequent_indent="  "))
            if line.href:
                parts.append(f"  {link(line.href)}")
    parts += ["", f"{digest.page.text}: {link(digest.page.href)}", "", f"No such mail any more: {unsubscribe}", ""]
    return "\n".join(parts)


def html(digest: Digest, link: Link, unsubscribe: str) -> str:
    """The same as HTML, light and dark."""
    sections = Markup().join(
        Markup("<h2>{}</h2>{}").format(
            section.heading,
            Markup("<ul>{}</ul>").format(Markup().join(_item(line, link) for line in section.lines))
            if section.lines
            else Markup("<p>{}</p>").format(section.nothing),
        )
        for section in digest.sections
    )
    return str(
        Markup(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
            "<title>{subject}</title>{style}</head><body><main><h1>{subject}</h1><p>{opening}</p>{sections}"
            '<p><a href="{page}">{page_text}</a></p><p class="small">This mail comes once a week. '
            '<a href="{unsubscribe}">No such mail any more</a></p></main></body></html>'
        ).format(
            subject=digest.subject,
            style=_STYLE,
            opening=digest.opening,
            sections=sections,
            page=link(digest.page.href),
            page_text=digest.page.text,
            unsubscribe=unsubscribe,
        )
    )


def letter(digest: Digest, *, to: str, sender: str, link: Link, unsubscribe: str, message_id: str) -> EmailMessage:
    """The mail of a digest, text and HTML side by side, with one-click unsubscribing (RFC 8058).

    Args:
        digest: What it says.
        to: The address it goes to.
        sender: From whom it comes.
        link: Makes whole addresses.
        unsubscribe: Address at which the recipient unsubscribes.
        message_id: The same for the same digest, so that a mail program shows it once.
    """
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = digest.subject
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{message_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    mail["List-Unsubscribe"] = f"<{unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain_text(digest, link, unsubscribe))
    mail.add_alternative(html(digest, link, unsubscribe), subtype="html")
    return mail


def _item(line: Line, link: Link) -> Markup:
    if not line.href:
        return Markup("<li>{}</li>").format(line.text)
    return Markup('<li>{} <a href="{}">Show</a></li>').format(line.text, link(line.href))
