"""The weekly mail: to whom, with what, once; a real mail server and a real web server on the loopback."""

import ipaddress
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.parser import Parser
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from serving.digest.delivery import WebhookDelivery
from serving.digest.run import DigestReport, send_digests
from serving.digest.settings import WebhookSettings
from serving.formats import day
from serving.signatures import EventSettings
from spm_ml.errors import ConfigurationError, NotReadyError, RemoteError
from spm_ml.hazards import Abstention
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.accounts import AccountDraft
from spm_ml.predictions.digests import Way
from spm_ml.settings import Workspace
from tests.command import spm
from tests.prediction_world import NORTH, PEOPLE, SOUTH, World, make_world
from tests.web import log_in, parsed, send_form, served

MONDAY = date(2026, 11, 30)
SECRET = "a-secret-of-twenty-four-bytes"
NORTHERN = {person.name for person in PEOPLE if person.manager_id == NORTH}
SOUTHERN = {"Priya Raman", "Quentin <b>Dubois</b>", "Rosa Álvarez", "Samuel Adeyemi"}
WHO = {
    "north": AccountDraft("Anna Keller", "manager", NORTH, "anna@example.com"),
    "south": AccountDraft("Ben Osei", "manager", SOUTH, "ben@example.com"),
    "hr": AccountDraft("Helen", "hr", None, "helen@example.com"),
    "rep": AccountDraft("Priya Raman", "rep", "r-201", "priya@example.com"),
    "gone": AccountDraft("Gone", "manager", "m-gone", "gone@example.com"),
    "analyst": AccountDraft("Ada", "analyst", None, "ada@example.com"),
    "silent": AccountDraft("Nobody", "manager", NORTH),
}


class Server:
    """Takes mails, or refuses some."""

    def __init__(self) -> None:
        self.mails: dict[str, EmailMessage] = {}
        self.refused: set[str] = set()
        self.hangs_up_on = ""
        self.hangs_up_early_on = ""
        self.tired_of = ""
        self.port = 0

    async def handle_RCPT(self, *said: Any) -> str:  # noqa: N802 - aiosmtpd's name
        server, _, envelope, address, _ = said
        if address in self.refused:
            return "550 no such mailbox"
        if address == self.hangs_up_early_on:
            server.transport.abort()
        if address == self.tired_of:
            return "421 enough for one connection"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, *said: Any) -> str:  # noqa: N802 - aiosmtpd's name
        server, _, envelope = said
        (address,) = envelope.rcpt_tos
        if address == self.hangs_up_on:
            server.transport.abort()
            return "421 bye"
        assert address not in self.mails, "twice"
        self.mails[address] = Parser(policy=default).parsestr(envelope.content.decode())
        return "250 OK"


def free_port() -> int:
    """The mail server must be told one."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def server() -> Iterator[Server]:
    handler = Server()
    handler.port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    yield handler
    controller.stop()


@pytest.fixture(scope="module")
def world() -> World:
    """r-101 was well a week ago and is at high risk now; r-102 has no forecast any more."""
    world = make_world(weeks=3)
    rows, seen = [], world.batch.as_of
    for row in world.predictions:
        if row.rep_id == "r-101":
            p_hit, band = (0.05, "high") if row.as_of == seen else (0.9, "low")
            row = replace(row, p_hit=p_hit, risk_band=band)
        if row.rep_id == "r-102" and row.as_of == seen:
            nothing = next(each for each in world.predictions if each.rep_id == "r-107" and each.as_of == seen)
            row = replace(nothing, rep_id="r-102", name=row.name, team=row.team, manager_id=row.manager_id,
                          abstention=Abstention("no_evidence", "The deals of r-102 are gone."))  # fmt: skip
        rows.append(row)
    return replace(world, predictions=tuple(rows))


@pytest.fixture
def workspace(tmp_path: Path, world: World, server: Server) -> Workspace:
    found = Workspace(tmp_path / "workspace")
    found.root.mkdir()
    (tmp_path / "secret").write_text(SECRET)
    (found.root / "serving.yaml").write_text(
        f"digest: {{public_url: 'http://127.0.0.1:8000', secret_file: {tmp_path / 'secret'}, sender: 'Forecasts "
        f"<forecasts@example.com>', smtp: {{host: 127.0.0.1, port: {server.port}, security: none}}}}\n"
    )
    with PredictionStore.of(found) as store:
        world.publish_into(store)
        for draft in WHO.values():
            store.accounts.add(draft)
    return found


def run(workspace: Workspace, way: Way = "smtp", day: date = MONDAY, **more: Any) -> DigestReport:
    return send_digests(workspace, way, day=day, **more)


def account(workspace: Workspace, name: str) -> str:
    with PredictionStore.of(workspace) as store:
        return next(one.account_id for one in store.accounts.every() if one.label == WHO[name].label)


def parts(mail: EmailMessage) -> tuple[str, str]:
    text, html = mail.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return " ".join(text.get_content().split()), html.get_content()


def test_everybody_gets_what_their_pages_show_and_nothing_else(server: Server, workspace: Workspace) -> None:
    report = run(workspace)
    assert len(report.sent) == 4
    assert report.without == [account(workspace, "gone")]
    assert set(server.mails) == {"anna@example.com", "ben@example.com", "helen@example.com", "priya@example.com"}
    text, html = parts(server.mails["anna@example.com"])
    assert "Newly at high risk" in text
    assert re.search(r"Ines Moreau: chance 5\W?%, before 90\W?%", text)
    assert "Jonas Weber: The deals of r-102 are gone." in text
    assert "http://127.0.0.1:8000/reps/r-101" in text
    assert not any(name in text + html for name in SOUTHERN)
    assert "offers without a decision" in text
    text, html = parts(server.mails["ben@example.com"])
    assert "Nobody is newly at high risk." in text
    assert not any(name in text + html for name in NORTHERN)
    assert "<b>Dubois</b>" not in html
    text, html = parts(server.mails["helen@example.com"])
    assert "Discovery that uncovers need" in text
    assert "waiting" in text
    assert not any(name in text + html for name in NORTHERN | SOUTHERN)
    assert not re.search(r"EUR|quota is|chance \d", text)
    text, html = parts(server.mails["priya@example.com"])
    assert "Your chance to reach the quota is" in text
    assert not any(name in text + html for name in (NORTHERN | SOUTHERN) - {"Priya Raman"})


def test_a_mail_is_readable_and_says_how_to_stop(server: Server, workspace: Workspace) -> None:
    run(workspace)
    mail = server.mails["anna@example.com"]
    assert mail["From"] == "Forecasts <forecasts@example.com>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>")
    text, html = parts(mail)
    assert link in text
    assert link in html
    assert "prefers-color-scheme:dark" in html
    assert not re.search(r"<img|<script|<link|url\(|@import", html)
    assert set(re.findall(r'(?:src|href)="(https?://[^/"]+)', html)) == {"http://127.0.0.1:8000"}
    assert not any(name in mail["Subject"] for name in NORTHERN)
    assert len(mail.as_bytes()) < 40_000


def test_one_goes_out_once_a_week(server: Server, workspace: Workspace) -> None:
    run(workspace)
    again = run(workspace, day=MONDAY + timedelta(days=6))  # the server refuses what comes twice
    assert (len(again.sent), len(again.before), again.week) == (0, 4, "2026-11-30")
    server.mails.clear()
    assert len(run(workspace, day=MONDAY + timedelta(days=7)).sent) == 4
    with PredictionStore.of(workspace) as store:
        done = [line.action for line in store.audit.page(limit=100)[0] if line.actor == "digest"]
        assert not store.audit.check().problems
    assert done.count("digest sent") == done.count("digest begun") == 8


def test_who_is_refused_stops_nobody_and_is_tried_again(server: Server, workspace: Workspace) -> None:
    server.refused = {"anna@example.com"}
    said = spm("digest", "--day", "2026-11-30", "--workspace", workspace.root, expect=1)
    assert "3 sent" in said.stdout
    assert f"{account(workspace, 'north')}: the mail server refused the recipient (550)" in said.stdout
    assert "anna@example.com" not in said.stdout + said.stderr
    server.refused.clear()
    assert run(workspace).sent == [account(workspace, "north")]


def test_what_was_cut_off_is_said_and_not_sent_twice(server: Server, workspace: Workspace) -> None:
    server.hangs_up_on = "anna@example.com"
    report = run(workspace)
    assert report.unknown == [account(workspace, "north")]
    assert len(report.sent) == 3
    server.hangs_up_on = ""
    again = run(workspace)
    assert (again.unknown, again.sent, len(again.before)) == (report.unknown, [], 3)


def test_who_is_cut_off_before_the_content_is_tried_again(server: Server, workspace: Workspace) -> None:
    server.hangs_up_early_on = "anna@example.com"
    report = run(workspace)
    assert (list(report.failed), report.unknown, len(report.sent)) == ([account(workspace, "north")], [], 3)
    server.hangs_up_early_on = ""
    assert run(workspace).sent == [account(workspace, "north")]


def test_a_server_that_ends_the_connection_after_some_mails_loses_none(server: Server, workspace: Workspace) -> None:
    server.tired_of = "anna@example.com"
    report = run(workspace)
    assert (list(report.failed), report.unknown, len(report.sent)) == ([account(workspace, "north")], [], 3)
    server.tired_of = ""
    assert run(workspace).sent == [account(workspace, "north")]


def test_monday_begins_where_the_organisation_is(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from serving.digest import run as module

    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 11, 29, 23, 30, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr(module, "datetime", Late)
    assert send_digests(workspace, "folder", day=None).week == "2026-11-30", "half past midnight in Berlin"


def test_a_killed_run_goes_on(server: Server, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from serving.digest import delivery

    real, count = delivery.SmtpDelivery.send, 0

    def dying(self: Any, mail: EmailMessage, name: str) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        real(self, mail, name)

    monkeypatch.setattr(delivery.SmtpDelivery, "send", dying)
    with pytest.raises(KeyboardInterrupt):
        run(workspace)
    assert len(server.mails) == 2
    monkeypatch.setattr(delivery.SmtpDelivery, "send", real)
    report = run(workspace)
    assert (len(report.sent), len(report.before), len(report.unknown)) == (1, 2, 1)


def test_without_a_server_a_batch_or_settings_nothing_is_begun(
    server: Server, workspace: Workspace, tmp_path: Path
) -> None:
    settings = (workspace.root / "serving.yaml").read_text()
    (workspace.root / "serving.yaml").write_text(settings.replace(f"port: {server.port}", "port: 9"))
    with pytest.raises(RemoteError, match=r"127.0.0.1:9 takes no mail"):
        run(workspace)
    (workspace.root / "serving.yaml").write_text(settings)
    assert len(run(workspace).sent) == 4
    (workspace.root / "serving.yaml").write_text(settings.replace("127.0.0.1, port", "mail.example.com, port"))
    with pytest.raises(ConfigurationError, match="take security starttls or tls"):
        run(workspace)
    (workspace.root / "serving.yaml").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"set digest.public_url"):
        run(workspace)
    empty = Workspace(tmp_path / "empty")
    empty.root.mkdir()
    (empty.root / "serving.yaml").write_text(settings)
    with pytest.raises(NotReadyError, match="nothing is published"):
        run(empty)


def test_passwords_travel_encrypted(tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = _certificate(tmp_path)
    handler, port = Server(), free_port()
    known = []

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        known.append((data.login, data.password))
        return AuthResult(success=data.password == b"the password", handled=False)

    controller = Controller(
        handler, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, auth_required=True,
        authenticator=authenticate,
    )  # fmt: skip
    controller.start()
    try:
        settings = (workspace.root / "serving.yaml").read_text()
        (workspace.root / "serving.yaml").write_text(
            re.sub(r"port: \d+, security: none", f"port: {port}, username: spm", settings)
        )
        monkeypatch.setenv("SPM_SERVING__DIGEST__SMTP__PASSWORD", "the password")
        with pytest.raises(RemoteError, match="SSLCertVerificationError"):
            run(workspace)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert len(run(workspace).sent) == 4
        assert known == [(b"spm", b"the password")]
        monkeypatch.setenv("SPM_SERVING__DIGEST__SMTP__PASSWORD", "another")
        with pytest.raises(RemoteError, match="SMTPAuthenticationError") as refused:
            run(workspace, day=MONDAY + timedelta(days=7))
        assert "another" not in str(refused.value)
    finally:
        controller.stop()


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail of the tests")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now,
                                      now + timedelta(days=1))  # fmt: skip
    made = (
        builder.add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    certificate, private = folder / "mail.pem", folder / "mail.key"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return certificate, context


def test_a_webhook_is_signed_and_asked_again(workspace: Workspace) -> None:
    taken: list[dict[str, Any]] = []
    answers = [503, 200, 200, 404, 200]
    signer = EventSettings.model_validate({"sources": {"digest": {"secret": SECRET}}})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            assert signer.signer(headers, body, now=datetime.now(UTC).timestamp()) == "digest"
            status = answers.pop(0)
            if status == 200:
                taken.append(json.loads(body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    web = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        url = f"http://127.0.0.1:{web.server_port}/hook"
        delivery = WebhookDelivery(WebhookSettings.model_validate({"url": url, "secret": SECRET}), seconds=0.01)
        report = run(workspace, "webhook", delivery=delivery)
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
    assert len(report.sent) == 3
    assert list(report.failed.values()) == ["the webhook answered 404"]
    assert [each["id"] for each in taken] == [f"digest-2026-11-30-{one}" for one in report.sent]
    assert {"text", "html", "to", "unsubscribe", "subject"} <= taken[0].keys()


def test_files_are_for_their_owner_alone(workspace: Workspace) -> None:
    report = run(workspace, "folder")
    files = sorted((workspace.root / "digests" / "2026-11-30").glob("*.eml"))
    assert len(files) == len(report.sent) == 4
    assert not any(path.stat().st_mode & 0o077 for path in (*files, files[0].parent))


def test_a_link_from_a_mail_unsubscribes_and_opens_nothing_else(server: Server, workspace: Workspace) -> None:
    run(workspace)
    path = server.mails["anna@example.com"]["List-Unsubscribe"].strip("<>").removeprefix("http://127.0.0.1:8000")
    anna, ben = account(workspace, "north"), account(workspace, "south")
    digest = {"public_url": "http://127.0.0.1:8000", "secret": SECRET}
    with served(workspace.predictions_database, digest=digest) as client, PredictionStore.of(workspace) as store:
        for wrong in (path.replace(anna, ben), path[:-1] + ("0" if path[-1] != "0" else "1"), path[:-8]):
            assert client.get(wrong).status_code in (404, 422)
            assert client.post(wrong).status_code in (404, 422)
        asked = client.get(path)
        assert "Stop the weekly mail?" in parsed(asked).get_text()
        assert store.digests.wants(anna)  # reading changes nothing
        assert client.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert send_form(client, path).status_code == 200
        store.digests.choose(anna, wanted=True, by="link")
        one_click = client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert "No weekly mail any more" in parsed(one_click).get_text()
        assert "set-cookie" not in one_click.headers
        assert not store.digests.wants(anna)
        assert client.post(path).status_code == 200  # again changes nothing
        assert store.digests.wants(ben)
    server.mails.clear()
    report = run(workspace, day=MONDAY + timedelta(days=7))
    assert report.unsubscribed == [anna]
    assert "anna@example.com" not in server.mails


def test_everybody_chooses_on_a_page_of_their_own(workspace: Workspace) -> None:
    ben = account(workspace, "south")
    with PredictionStore.of(workspace) as store:
        token = store.tokens.issue(ben, valid_for=timedelta(hours=1)).token
        with served(
            workspace.predictions_database, digest={"public_url": "http://127.0.0.1:8000", "secret": SECRET}
        ) as client:
            log_in(client, token)
            page = parsed(client.get("/digest"))
            assert "ben@example.com" in page.get_text()
            assert page.select_one('nav a[href="/digest"]') is not None
            assert send_form(client, "/digest", wanted="no").status_code == 303
            assert not store.digests.wants(ben)
            assert "You do not get it." in parsed(client.get("/digest")).get_text()
            assert client.post("/digest", data={"wanted": "yes"}).status_code == 403  # from elsewhere
            send_form(client, "/digest", wanted="yes")
            assert store.digests.wants(ben)
        lines = [line.action for line in store.audit.page(limit=20)[0]]
    assert {"digest unsubscribed", "digest subscribed"} <= set(lines)


def test_weeks_without_a_forecast_are_said(server: Server, workspace: Workspace, world: World) -> None:
    first, last = min(row.as_of for row in world.predictions), world.batch.as_of
    kept = tuple(row for row in world.predictions if row.as_of in (first, last))
    teams = tuple(row for row in world.teams if row.as_of in (first, last))
    with PredictionStore.of(workspace) as store:
        replace(world, batch=replace(world.batch, batch_id="b-8"), predictions=kept, teams=teams).publish_into(store)
    run(workspace)
    assert (last - first).days > 7
    text, _ = parts(server.mails["anna@example.com"])
    assert f"it is compared with that of {day(first)}.".replace("\xa0", " ") in " ".join(text.split())


def test_one_rep_and_no_history_make_a_short_mail(server: Server, workspace: Workspace, world: World) -> None:
    only = [person for person in world.people if person.rep_id in (SOUTH, "r-201", "m-vp")]
    rows = [replace(row, change=None) for row in world.predictions
            if row.rep_id == "r-201" and row.as_of == world.batch.as_of]  # fmt: skip
    small = replace(world, batch=replace(world.batch, batch_id="b-9"), people=tuple(only), predictions=tuple(rows),
                    teams=(), recommendations=())  # fmt: skip
    with PredictionStore.of(workspace) as store:
        small.publish_into(store)
    report = run(workspace)
    assert len(report.without) == 2
    text, _ = parts(server.mails["ben@example.com"])
    for nothing in (
        "Nobody is newly at high risk.",
        "There is nothing before to compare with.",
        "No decision waits for you.",
    ):
        assert nothing in text
