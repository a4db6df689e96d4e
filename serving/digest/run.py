"""One run of the weekly mail: each recipient once a week, whatever happens in between."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from serving.digest.content import digest_of
from serving.digest.delivery import (
    Delivery,
    FolderDelivery,
    RefusedError,
    SmtpDelivery,
    UnknownEndError,
    WebhookDelivery,
)
from serving.digest.letter import letter
from serving.digest.settings import DigestSettings
from serving.notation import Notation, writing
from serving.settings import ServingSettings
from spm_ml.errors import ConfigurationError, NotReadyError, RemoteError
from spm_ml.only_one import only_one
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.digests import Way
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace


@dataclass
class DigestReport:
    """What became of the week's digests; people are named by the ids of their accounts.

    Attributes:
        week: Its Monday.
        sent: To whom one went now.
        before: Whose had gone out before.
        unsubscribed: Who wants none.
        without: Whose scope holds nothing to tell.
        failed: Whose was refused, and why; the next run tries again.
        unknown: Of whom nobody knows whether it went out; it is not sent again.
    """

    week: str
    sent: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    unsubscribed: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For people."""
        counts = (
            (len(self.sent), "sent"),
            (len(self.before), "before"),
            (len(self.unsubscribed), "unsubscribed"),
            (len(self.without), "with nothing to tell"),
            (len(self.failed), "failed"),
            (len(self.unknown), "of unknown end"),
        )
        words = f"week of {self.week}: {', '.join(f'{number} {word}' for number, word in counts)}"
        return "\n".join(
            [
                words,
                *(f"  {account}: {why}" for account, why in self.failed.items()),
                *(f"  {account}: cut off while it went out; not sent again" for account in self.unknown),
            ]
        )

    def to_json(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)


def send_digests(
    workspace: Workspace, way: Way, *, day: date | None, progress: Progress = silent, delivery: Delivery | None = None
) -> DigestReport:
    """Sends every recipient the digest of a day's week, unless it went out before.

    A digest is on record before it goes out, so that a killed run sends none twice: the one that was going out then is
    said to be of unknown end. One that was refused is tried again by the next run.

    Args:
        workspace: Whose store, and whose settings.
        way: How they go out.
        day: Any day of the week; None: today, where the organisation is, for there Monday begins.
        progress: Told about each recipient.
        delivery: Takes the digests; None: as the settings say.

    Raises:
        ConfigurationError: The settings do not say how, or where links lead.
        NotReadyError: Nothing is published.
        RemoteError: The mail server takes nothing; who was not yet written to is written to by the next run.
        DataError: Another run is at work.
    """
    settings = ServingSettings.of_workspace(workspace)
    digest = settings.digest
    if digest is None:
        raise ConfigurationError("set digest.public_url and digest.secret_file in serving.yaml: links lead there")
    with (
        only_one(workspace.root / "digest.lock", what="digest"),
        PredictionStore.of(workspace) as store,
        writing(Notation.of(settings.locale)),
    ):
        batch = store.published_batch()
        if batch is None:
            raise NotReadyError("nothing is published, so there is nothing to tell: run 'spm score' first")
        day = day or datetime.now(ZoneInfo(batch.timezone)).date()
        week = (day - timedelta(days=day.weekday())).isoformat()
        delivery = delivery or _delivery(digest, way, workspace, week)
        delivery.open()
        try:
            return _send(store, settings, digest, way, week, delivery, progress)
        finally:
            delivery.close()


def _send(
    store: PredictionStore,
    settings: ServingSettings,
    digest: DigestSettings,
    way: Way,
    week: str,
    delivery: Delivery,
    progress: Progress,
) -> DigestReport:
    report = DigestReport(week)
    recipients = store.digests.recipients()
    report.unknown += sorted(store.digests.unsettled(week, way))
    for number, one in enumerate(recipients):
        progress("digest", number, len(recipients))
        if not one.wants:
            report.unsubscribed.append(one.account_id)
            continue
        if one.account_id in report.unknown:
            continue
        with store.read(one.scope) as reader:
            content = digest_of(reader, one.scope, today=settings.today())
        if content is None:
            report.without.append(one.account_id)
            continue
        if not store.digests.begin(one.account_id, week, way):
            report.before.append(one.account_id)
            continue
        name = f"digest-{week}-{one.account_id}"
        try:
            mail = letter(
                content,
                to=one.email,
                sender=digest.sender,
                link=digest.link,
                unsubscribe=digest.unsubscribe_link(one.account_id),
                message_id=name,
            )
            delivery.send(mail, name)
        except RefusedError as error:
            store.digests.settle(one.account_id, week, way, "failed", str(error))
            report.failed[one.account_id] = str(error)
        except ValueError:  # the address cannot stand in a mail
            store.digests.settle(one.account_id, week, way, "failed", "no address")
            report.failed[one.account_id] = "the account's email is no address; correct it"
        except UnknownEndError:
            report.unknown.append(one.account_id)
        except RemoteError as error:
            store.digests.settle(one.account_id, week, way, "failed", str(error))
            raise
        else:
            store.digests.settle(one.account_id, week, way, "sent")
            report.sent.append(one.account_id)
    progress("digest", len(recipients), len(recipients))
    return report


def _delivery(digest: DigestSettings, way: Way, workspace: Workspace, week: str) -> Delivery:
    if way == "folder":
        return FolderDelivery(workspace.root / "digests" / week)
    if way == "webhook":
        if digest.webhook is None:
            raise ConfigurationError("set digest.webhook.url and digest.webhook.secret_file in serving.yaml")
        return WebhookDelivery(digest.webhook)
    if digest.smtp is None:
        raise ConfigurationError("set digest.smtp.host in serving.yaml, or send with --to webhook or folder")
    return SmtpDelivery(digest.smtp)
