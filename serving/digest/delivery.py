"""Ways a digest goes out: a mail server, a webhook, or files in a folder."""

import json
import smtplib
import ssl
import time
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from serving.digest.settings import SmtpSettings, WebhookSettings
from serving.signatures import sign
from spm_ml.errors import RemoteError
from spm_ml.whole_file import write_whole

_ATTEMPTS: Final = 3


class RefusedError(Exception):
    """This digest was refused, for certain; the others may go."""


class UnknownEndError(Exception):
    """The connection broke while this digest went out: it may have arrived."""


class Delivery(Protocol):
    """Takes digests one by one."""

    def open(self) -> None:
        """Makes ready.

        Raises:
            RemoteError: Nothing can go out at all.
        """

    def send(self, mail: EmailMessage, name: str) -> None:
        """Sends one.

        Args:
            mail: Of one recipient.
            name: Of this digest, the same each time.

        Raises:
            RefusedError: It did not go out.
            UnknownEndError: It may have.
            RemoteError: Neither did it nor can any other.
        """

    def close(self) -> None:
        """Ends it."""


class _Begins(smtplib.SMTP):
    """A connection that knows whether the server was asked to take the content of a mail.

    Attributes:
        begun: It was, of the newest mail: only then may a mail have arrived whose end is not known (RFC 5321, 4.1.1.4).
    """

    begun = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Sends the content."""
        self.begun = True
        return super().data(msg)


class _BeginsEncrypted(_Begins, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte on."""


class SmtpDelivery:
    """A mail server; one connection for all mails, opened again where it breaks."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._server: _Begins | None = None

    def open(self) -> None:
        """Connects, encrypts and logs in."""
        settings = self._settings
        try:
            if settings.security == "tls":
                context = ssl.create_default_context()
                server: _Begins = _BeginsEncrypted(
                    settings.host, settings.port, timeout=settings.timeout_seconds, context=context
                )
            else:
                server = _Begins(settings.host, settings.port, timeout=settings.timeout_seconds)
            self._server = server
            if settings.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.username is not None and settings.password is not None:
                server.login(settings.username, settings.password.get_secret_value())
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise RemoteError(
                f"the mail server {settings.host}:{settings.port} takes no mail ({type(error).__name__}): check "
                "digest.smtp and run it again; who has got one gets no second"
            ) from None

    def send(self, mail: EmailMessage, name: str) -> None:
        """Sends a mail, over a new connection where the server has ended the one before."""
        if self._server is not None and not _answers(self._server):
            self.close()
        if self._server is None:
            self.open()
        assert self._server is not None  # noqa: S101 — opened above, or an error was raised
        self._server.begun = False
        try:
            self._server.send_message(mail)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
                raise RefusedError(_reply(error)) from None
            begun = self._server.begun
            self.close()
            if not begun:
                raise RefusedError("the mail server ended the connection before it took the mail") from None
            raise UnknownEndError from None
        del name

    def close(self) -> None:
        """Ends the connection."""
        if self._server is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._server.quit()
            self._server = None


def _answers(server: smtplib.SMTP) -> bool:
    """Whether a connection still stands: servers end those that are idle, and those that have carried enough."""
    try:
        return server.noop()[0] < 400
    except (smtplib.SMTPException, OSError):
        return False


def _reply(error: smtplib.SMTPException) -> str:
    """The server's code, never its words, which may quote the address."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _ in error.recipients.values()})
        return f"the mail server refused the recipient ({', '.join(codes)})"
    code = getattr(error, "smtp_code", None)
    return f"the mail server refused the mail ({code or type(error).__name__})"


class WebhookDelivery:
    """An address that takes JSON, signed as events that come in are (Standard Webhooks)."""

    def __init__(self, settings: WebhookSettings, *, seconds: float = 1.0) -> None:
        self._settings = settings
        self._seconds = seconds
        self._client = httpx.Client(timeout=settings.timeout_seconds, follow_redirects=False)

    def open(self) -> None:
        """Nothing is needed before the first one."""

    def send(self, mail: EmailMessage, name: str) -> None:
        """Posts one; its id is the same each time, so that who takes it may know it again."""
        text, html = (part.get_content() for part in mail.iter_parts())
        said = {"type": "digest.weekly", "id": name, "to": mail["To"], "subject": mail["Subject"]}
        said |= {"text": text, "html": html, "unsubscribe": str(mail["List-Unsubscribe"]).strip("<>")}
        body = json.dumps(said).encode()
        status = 0
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self._seconds * 2 ** (attempt - 1))
            headers = sign(self._settings.secret, name, body, now=time.time()) | {"content-type": "application/json"}
            try:
                status = self._client.post(self._settings.url, content=body, headers=headers).status_code
            except httpx.ConnectError:
                status = 0
            except httpx.HTTPError:
                raise UnknownEndError from None
            if 200 <= status < 300:
                return
            if 300 <= status < 500 and status != 429:
                break
        raise RefusedError(f"the webhook answered {status}" if status else "the webhook cannot be reached")

    def close(self) -> None:
        """Ends connections."""
        self._client.close()


class FolderDelivery:
    """Files `NAME.eml`, as a mail program reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Makes the folder, for its owner alone."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def send(self, mail: EmailMessage, name: str) -> None:
        """Writes one."""
        write_whole(self._folder / f"{name}.eml", mail.as_string(), mode=0o600)

    def close(self) -> None:
        """Nothing is left open."""
