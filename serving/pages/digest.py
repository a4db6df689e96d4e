"""The weekly mail: whether it comes, on a page of one's own and behind the link in each mail."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import RedirectResponse, Response

from serving.access import count_refusal, on_store, require_reach, store_of
from serving.digest.settings import DigestSettings
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.origin import no_other_site, same_origin
from serving.problem import NotYoursError
from serving.writing import FormKey, write_form
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.accounts import UnknownAccountError

router = APIRouter(include_in_schema=False)

AccountInLink = Annotated[str, Path(pattern=r"^[0-9a-zA-Z_-]{1,64}$")]
SignatureInLink = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class DigestPage:
    """Everything the page shows.

    Attributes:
        email: Where it goes; empty: the account has no address.
        wanted: Whether it comes.
        sent: Whether this organisation sends any.
    """

    email: str
    wanted: bool
    sent: bool


@dataclass(frozen=True)
class UnsubscribePage:
    """What whoever follows the link sees.

    Attributes:
        action: Where the form is sent.
        done: Whether it is done.
    """

    action: str
    done: bool


@router.get("/digest")
async def weekly_mail(request: Request, principal: PagePrincipal) -> Response:
    """Whether the weekly mail comes, and where to."""
    require_reach(principal, "person")
    store = store_of(request)

    def read() -> DigestPage:
        account = store.accounts.find(principal.account_id)
        wanted = store.digests.wants(principal.account_id)
        return DigestPage(account.email or "", wanted, request.app.state.settings.digest is not None)

    page, batch = await on_store(store, lambda: (read(), store.published_batch()))
    frame = frame_of(request, "Weekly mail", principal=principal, batch=batch)
    response: Response = request.app.state.templates.page("digest.html", page, frame)
    return response


@router.post("/digest", dependencies=[Depends(same_origin)])
async def choose(
    request: Request, principal: PagePrincipal, wanted: Annotated[Literal["yes", "no"], Form()], key: FormKey = ""
) -> Response:
    """Subscribes or unsubscribes whoever asks."""
    require_reach(principal, "person")

    def work(store: PredictionStore) -> None:
        store.digests.choose(principal.account_id, wanted=wanted == "yes", by=principal.label)

    await write_form(request, principal, key, (wanted,), work)
    return RedirectResponse("/digest", 303)


@router.get("/digest/unsubscribe/{account_id}/{signature}")
async def ask(request: Request, account_id: AccountInLink, signature: SignatureInLink) -> Response:
    """Asks whether it is meant; programs that follow every link of a mail change nothing."""
    _require_signed(request, account_id, signature)
    return _unsubscribe_page(request, done=False)


@router.post("/digest/unsubscribe/{account_id}/{signature}", dependencies=[Depends(no_other_site)])
async def unsubscribe(request: Request, account_id: AccountInLink, signature: SignatureInLink) -> Response:
    """Unsubscribes the account of the link, from the page above or by a mail program (RFC 8058).

    The signature is what lets in: no session counts, so that no other site can use one.
    """
    _require_signed(request, account_id, signature)
    store = store_of(request)
    try:
        await on_store(store, lambda: store.digests.choose(account_id, wanted=False, by="link"))
    except UnknownAccountError:
        raise NotYoursError from None
    return _unsubscribe_page(request, done=True)


def _require_signed(request: Request, account_id: str, signature: str) -> None:
    settings: DigestSettings | None = request.app.state.settings.digest
    if settings is None or not settings.signed(account_id, signature):
        count_refusal(request)
        raise NotYoursError


def _unsubscribe_page(request: Request, *, done: bool) -> Response:
    frame = frame_of(request, "No weekly mail", principal=None, batch=None)
    page = UnsubscribePage(request.url.path, done)
    response: Response = request.app.state.templates.page("unsubscribe.html", page, frame)
    return response
