"""What people say a rep will book, beside the model: in words, in a chart, and in a form for a new number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode
from zlib import crc32

from serving import formats
from serving.formats import Money
from serving.pages.outlook import SAID, Newer, Voices, voices_of
from spm_ml.predictions import Batch, BatchReader, Prediction, Principal, SubmissionKind, SubmissionRecord

Place = Literal["card", "row"]
"""Where a form stands: below the chart on a page, or alone in the row of a list."""

OWN: Final[dict[SubmissionKind, str]] = {"commit": "My commit", "best_case": "My best case"}
OTHERS: Final[dict[SubmissionKind, str]] = {"manager_override": "My override", "commit": "Commit, said by the rep"}

PENDING: Final = "not in the forecast yet"


@dataclass(frozen=True)
class KindChoice:
    """A kind of number in the form."""

    value: SubmissionKind
    label: str
    chosen: bool


@dataclass(frozen=True)
class Typed:
    """What was sent and could not be taken.

    Attributes:
        field: Whose fault it is.
        problem: What to do about it, in a sentence.
    """

    kind: SubmissionKind
    amount: str
    note: str
    field: Literal["amount", "note"]
    problem: str


@dataclass(frozen=True)
class SaidForm:
    """The form, with what helps to fill it in.

    Attributes:
        key: Tells the forms of a page apart.
        amount_label: Of the field.
        beside: What the model says and what is booked.
        last: What was entered last, of each kind, where no chart says it.
        saved: What was saved just now.
        doubt: What the person should look at again.
    """

    rep_id: str
    name: str
    key: str
    place: Place
    kinds: tuple[KindChoice, ...]
    amount_label: str
    note_label: str
    beside: str
    last: tuple[str, ...]
    typed: Typed | None = None
    saved: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Said:
    """What people say, and the form.

    Attributes:
        voices: None: nobody said anything.
        form: None: the reader may enter nothing.
        history: Where everything that was entered is listed.
    """

    voices: Voices | None
    form: SaidForm | None
    history: str
    currency: str


def said_href(rep_id: str, **more: str) -> str:
    """The address of the page about what people say of a rep."""
    return f"/submissions?{urlencode({'rep_id': rep_id} | more)}"


def said_of(
    batch: BatchReader,
    principal: Principal,
    row: Prediction,
    *,
    place: Place = "card",
    saved: SubmissionKind | None = None,
    typed: Typed | None = None,
) -> Said:
    """Everything about what people say of a rep.

    Args:
        batch: The reader's view.
        principal: The reader.
        row: The rep's forecast.
        place: Where the form stands.
        saved: The kind that was entered just now.
        typed: What could not be taken.
    """
    money, entered = Money.of(batch.batch), batch.newest_submissions([row.rep_id]).get(row.rep_id, ())
    newer = [Newer(one, _when(one)) for one in entered if is_pending(one, row, batch.batch)]
    kinds = batch.may_submit(row.rep_id)
    form = None
    if kinds:
        own = principal.scope.rep_id == row.rep_id
        new = next((one for one in entered if one.kind == saved), None)
        form = _form(row, kinds, money, entered, own=own, place=place, typed=typed, new=new)
    return Said(voices_of(row, money, newer), form, said_href(row.rep_id), money.currency)


def is_pending(entry: SubmissionRecord, row: Prediction, batch: Batch) -> bool:
    """Whether the forecast does not know an entry yet: what it knows of the kind is older."""
    day = entry.day(batch.timezone)
    return not any(
        one.kind == entry.kind and (one.submitted_on > day or (one.submitted_on == day and one.amount == entry.amount))
        for one in row.submissions
    )


def _form(
    row: Prediction,
    kinds: Iterable[SubmissionKind],
    money: Money,
    entered: Sequence[SubmissionRecord],
    *,
    own: bool,
    place: Place,
    typed: Typed | None,
    new: SubmissionRecord | None,
) -> SaidForm:
    labels = OWN if own else OTHERS
    chosen = typed.kind if typed else new.kind if new else None
    offered = [kind for kind in labels if kind in kinds]
    return SaidForm(
        rep_id=row.rep_id,
        name=row.name,
        key=f"said-{crc32(row.rep_id.encode()):x}",
        place=place,
        kinds=tuple(KindChoice(kind, labels[kind], kind == chosen) for kind in offered),
        amount_label=f"Bookings by {formats.day(row.period_end)}, in {money.currency}",
        note_label="Why? Optional" if own else "Why? An override needs a reason",
        beside=_beside(row, money),
        last=tuple(
            f"{SAID[one.kind]} {money.full(one.amount)}, {one.submitted_by}, {_when(one)}"
            + (f": {one.note}" if one.note else "")
            for one in entered
            if place == "row"
        ),
        typed=typed,
        saved="" if new is None else f"{SAID[new.kind]} of {money.full(new.amount)} is saved, and {PENDING}.",
        doubt="" if new is None else _doubt(new, row, money),
    )


def _when(entry: SubmissionRecord) -> str:
    return f"entered {formats.age(entry.submitted_at)}"


def _beside(row: Prediction, money: Money) -> str:
    low, median, high = (row.quantile(level) for level in (0.1, 0.5, 0.9))
    model = "The model gives no number."
    if low is not None and median is not None and high is not None:
        model = f"The model says {money.full(median)}; eight times in ten {money.amount(low)} to {money.amount(high)}."
    return f"{model} Booked so far: {money.full(row.booked)}."


def _doubt(entry: SubmissionRecord, row: Prediction, money: Money) -> str:
    if entry.amount >= row.booked:
        return ""
    return (
        f"That is less than the {money.full(row.booked)} booked so far. It is right if a deal will be cancelled; "
        f"otherwise enter the number again."
    )
