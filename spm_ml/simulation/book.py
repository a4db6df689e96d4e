"""Deals in play as parallel arrays, what a week did to them, and whom a closed deal is credited to."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from spm_ml.simulation.world import Bools, Floats, Ints

WON = 0
"""The stage code of deals that were won lately and can still be cancelled (H13)."""
CANCEL_WEEKS = (2, 10)
REVENUE, OVERLAY = 0, 1


@dataclass
class Book:
    """Deals in play, one entry each: n parallel arrays.

    Attributes:
        deal: Number of the deal; -1 until it gets one.
        created_on: Day number.
        scenario: Draw that the deal belongs to; 0 in the history.
        owner: Rep index.
        segment: Segment index.
        stage: 1 … 4; 0 = won lately.
        amount: Minor units.
        urgency: Multiplies the speed; mean 1; known to nobody.
        expected: Expected close, day number.
        dormant: Forgotten (H17).
        age: Weeks since created, or since won.
        partner: Rep index with a second credit, -1 = none (H05).
        share: The partner's share.
        credit: `REVENUE`: the share is taken from the owner; `OVERLAY`: it comes on top.
    """

    deal: Ints
    created_on: Ints
    scenario: Ints
    owner: Ints
    segment: Ints
    stage: Ints
    amount: Ints
    urgency: Floats
    expected: Ints
    dormant: Bools
    age: Ints
    partner: Ints
    share: Floats
    credit: Ints

    @classmethod
    def empty(cls) -> Self:
        """No deals."""
        kinds = {"urgency": np.float64, "share": np.float64, "dormant": np.bool_}
        return cls(**{column.name: np.empty(0, dtype=kinds.get(column.name, np.int64)) for column in fields(cls)})

    def __len__(self) -> int:
        return len(self.deal)

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen deals."""
        return type(self)(**{column.name: getattr(self, column.name)[chosen] for column in fields(self)})

    def with_new(self, new: Self) -> Self:
        """These deals and the new ones."""
        return type(self)(
            **{
                column.name: np.concatenate([getattr(self, column.name), getattr(new, column.name)])
                for column in fields(self)
            }
        )


@dataclass(frozen=True)
class Rates:
    """What the week's hazards are multiplied with, for each rep (P,).

    Attributes:
        created: Deals created in a week of five selling days.
        speed, win, lose: Factors on the hazards of advancing, being won, being lost.
        size: Factor on amounts.
        colleague: Rep who shares a split deal.
    """

    created: Floats
    speed: Floats
    win: Floats
    lose: Floats
    size: Floats
    colleague: Ints


@dataclass(frozen=True)
class Week:
    """What happened to the deals of a book in one week: positions in the book as it was when the week began.

    Attributes:
        won, lost, advanced, pushed, resized, cancelled, reopened: Positions.
        after: The book, row by row, at the end of the week, before closed deals leave it.
        new: Deals created.
    """

    won: Ints
    lost: Ints
    advanced: Ints
    pushed: Ints
    resized: Ints
    cancelled: Ints
    reopened: Ints
    after: Book
    new: Book


def kept(week: Week) -> Bools:
    """Which deals of the week's book go on: the open ones, and those won recently enough to be cancelled."""
    gone = np.zeros(len(week.after), dtype=np.bool_)
    gone[week.lost] = True
    gone[week.cancelled] = True
    gone |= (week.after.stage == WON) & (week.after.age > CANCEL_WEEKS[1])
    return ~gone


def credited(book: Book, size: int, people: int, sign: int = 1) -> Floats:
    """Credited amounts by (scenario, rep), flattened: the owner's part and the partner's."""
    signed = sign * book.amount
    has = (book.partner >= 0) & (book.partner != book.owner)
    partner_part = np.round(signed * book.share) * has
    owner_part = signed - np.where(book.credit == REVENUE, partner_part, 0)
    place, length = book.scenario * people, size * people
    total = np.bincount(place + book.owner, weights=owner_part, minlength=length).astype(np.float64)
    return total + np.bincount((place + book.partner)[has], weights=partner_part[has], minlength=length)
