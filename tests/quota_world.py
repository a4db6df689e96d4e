"""A quota proposal for the small organisation of `prediction_world`, with known numbers."""

from datetime import date

from spm_ml.predictions import COMPANY, NewProposal, ProposalGroup, ProposalTerms, ProposedQuota, QuotaReason
from tests.prediction_world import NORTH, SOUTH, VP, World

SHARES, BOOKINGS = (0.5, 0.6, 0.7, 0.8), (0.8, 1.0, 1.2)
SILENT = "r-107"
"""Nothing is forecast for this rep."""


def make_proposal(world: World, *, goal: int | None = None) -> NewProposal:
    """Quotas for everybody with a forecast row but one, in steps of 1 000; every third rep had none before."""
    reps = sorted({row.rep_id: row for row in world.predictions}.values(), key=lambda row: row.rep_id)
    quotas = tuple(
        ProposedQuota(
            rep_id=row.rep_id,
            name=row.name,
            role="account executive",
            tenure="under a year" if at % 2 else "a year and more",
            before=None if at % 3 == 2 else 30_000_000 + at * 100_000,
            quota=31_000_000 + at * 100_000,
            median=32_000_000.0 + at,
            chance_before=None if at % 3 == 2 else 0.3 + at / 20,
            chance=0.6,
            bounded=at == 0,
            at_share=tuple(31_000_000 + at * 100_000 + round(1e6 * (0.6 - share)) for share in SHARES),
            chance_at=(0.4, 0.6, 0.75),
            chance_before_at=() if at % 3 == 2 else (0.3, 0.5, 0.7),
            reasons=(
                QuotaReason(
                    "Territory, ramp and hours", -1_200_000, "Days with the company: 90, works 100% of the period."
                ),
                QuotaReason("Season", None, "310 000 in the same period a year before."),
            ),
        )
        for at, row in enumerate(row for row in reps if row.rep_id != SILENT)
    )
    members = {COMPANY: 10, VP: 10, NORTH: 6, SOUTH: 4}
    return NewProposal(
        period="2026Q3",
        as_of=date(2026, 6, 29),
        currency="EUR",
        minor_digits=2,
        model_name="spm-attainment",
        model_version="7",
        data_version=3,
        data_hash="5f2c9d0a41e7",
        actor="operator",
        terms=ProposalTerms(
            goal=goal,
            share=0.6,
            most_change=0.25,
            step=100_000,
            shares=SHARES,
            bookings=BOOKINGS,
            groups=tuple(ProposalGroup(key, reps, 0.41, None, (0.2, 0.41, 0.6, 0.8)) for key, reps in members.items()),
            unforecast=(SILENT,),
        ),
        quotas=quotas,
    )
