"""Whatever the plan and the deals: a won deal never lowers pay, splits conserve, replays are equal, lines add up."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from spm_ml.compensation import (
    CompensationPlan,
    Credit,
    Payout,
    PeriodTerms,
    pay_in_order,
    payout,
    payout_at,
    split_credit,
)
from spm_ml.compensation.terms import Measure, Spif
from spm_ml.fiscal import FiscalCalendar
from spm_ml.settings import FiscalSettings

PERIODS = [FiscalCalendar(FiscalSettings(), "UTC").parse(f"2026Q{number}") for number in (1, 2, 3)]
KINDS = ("new", "upsell")
SHARES = st.decimals(0, 1, places=2)
QUOTA = 1_000_00


@st.composite
def scales(draw: st.DrawFn) -> dict[str, object]:
    bounds = sorted(draw(st.sets(st.decimals("0.1", 2, places=1), max_size=3)))
    rates = draw(st.lists(SHARES, min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    mode = draw(st.sampled_from(["marginal", "retroactive"]))
    ends = [*map(str, bounds), draw(st.sampled_from([None, "3"]))]
    tiers = [
        {"from": start, "to": end, "rate": str(rate)}
        for start, end, rate in zip(["0", *ends], ends, sorted(rates) if mode == "retroactive" else rates, strict=False)
    ]
    threshold = draw(st.none() | st.decimals("0.1", 1, places=1))
    return {"mode": mode, "tiers": tiers, "threshold": threshold, "cap": draw(st.none() | st.integers(1, 500))}


@st.composite
def plans(draw: st.DrawFn) -> CompensationPlan:
    components = [
        draw(scales()) | {"name": "all"},
        draw(scales()) | {"name": "new", "quota_share": "0.5", "measure": {"kinds": ["new"]}},
        draw(scales()) | {"name": "team", "measure": {"of": "team"}},
    ]
    days = st.integers(1, 200)
    draws = st.builds(lambda amount, back: {"amount": amount, "recoverable": back}, st.integers(1, 90), st.booleans())
    bonuses = [(), ({"name": "s", "amount": 5, "minimum": 10},), ({"name": "s", "rate": "0.1"},)]
    bonuses.append(({"name": "s", "rate": "0.1", "first_day": "2026-04-01", "minimum": 10},))
    held = st.builds(lambda share, days: {"share": share, "release_days": days}, st.decimals("0.1", 1, places=1), days)
    terms = {
        "plan_id": "p",
        "components": draw(st.lists(st.sampled_from(components), min_size=1, max_size=3, unique_by=id)),
        "cap": draw(st.none() | st.integers(1, 900)),
        "draw": draw(st.none() | draws),
        "holdback": draw(st.none() | held),
        "clawback_days": draw(st.none() | days),
        "spifs": draw(st.sampled_from(bonuses)),
    }
    return CompensationPlan.parse(terms, where="test")


@st.composite
def entries(draw: st.DrawFn) -> list[Credit]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        deal = draw(st.integers(0, 4))
        found.append(
            Credit(
                entry=str(number),
                opportunity_id=f"d{deal}",
                booked_on=PERIODS[0].start + timedelta(draw(st.integers(0, 270))),
                amount=draw(st.integers(-800_00, 1_500_00)),
                deal_kind=KINDS[deal % 2],
                owner="x" if deal == 4 else "",
            )
        )
    return found


def paid(plan: CompensationPlan, credits_: Sequence[Credit]) -> list[Payout]:
    """The payouts of all periods, one after the other."""
    done: list[Payout] = []
    for period in PERIODS:
        own = [credit for credit in credits_ if period.contains(credit.booked_on)]
        done.append(payout(plan, QUOTA, own, rep_id="r", period=period, earlier=done))
    return done


@given(plans(), entries(), st.integers(1, 2_000_00), st.integers(0, 80), st.sampled_from(KINDS))
@example(
    CompensationPlan.parse(
        {
            "plan_id": "p",
            "components": [
                {
                    "name": "all",
                    "mode": "retroactive",
                    "tiers": [{"from": 0, "to": "0.1", "rate": 0}, {"from": "0.1", "rate": "0.5"}],
                }
            ],
            "holdback": {"share": 1, "release_days": 1},
        },
        where="test",
    ),
    [Credit("0", "d0", PERIODS[0].start, -800_00)],
    1_500_00,
    0,
    "new",
).via("a refund whose rate the deal raises while what the deal pays is withheld")
@settings(deadline=None, max_examples=80)
def test_one_more_won_deal_never_lowers_the_pay_of_its_period(
    plan: CompensationPlan, credits_: list[Credit], amount: int, day: int, kind: str
) -> None:
    more = Credit("more", "more", PERIODS[0].start + timedelta(day), amount, deal_kind=kind)
    without, with_it = paid(plan, credits_)[0], paid(plan, [*credits_, more])[0]
    cents = len(with_it.lines) if plan.holdback else 0  # withholding is rounded for each deal
    assert with_it.amount >= without.amount - cents
    assert with_it.earned >= without.earned


@given(plans(), entries(), st.sampled_from([None, PERIODS[1].start]))
@settings(deadline=None, max_examples=60)
def test_a_share_as_bonus_is_paid_once_for_any_credit(
    plan: CompensationPlan, credits_: list[Credit], first_day: date | None
) -> None:
    rate = Decimal("0.1")
    spif = Spif(name="s", rate=rate, first_day=first_day)
    whole = plan.components[0].model_copy(update={"measure": Measure()})
    once = plan.model_copy(update={"spifs": (spif,), "clawback_days": None, "components": (whole,)})
    results = paid(once, credits_)
    for deal in {credit.opportunity_id for credit in credits_ if not credit.owner}:
        days = [period.end for period in PERIODS]
        held = [
            sum(one.amount for one in credits_ if one.opportunity_id == deal and one.booked_on <= day) for day in days
        ]
        bonus = sum(
            line.amount for one in results for line in one.lines if (line.kind, line.opportunity_id) == ("spif", deal)
        )
        # Whoever owes credit first is paid for all that comes: none of it was paid before.
        assert bonus <= rate * (max(0, *held) - min(0, *held)) + len(PERIODS)


@given(plans(), entries(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=80)
def test_lines_add_up_and_a_replay_is_identical(plan: CompensationPlan, credits_: list[Credit], dice: Random) -> None:
    results = paid(plan, credits_)
    assert paid(plan, list(credits_)) == results
    shuffled = list(credits_)
    dice.shuffle(shuffled)
    assert [one.commission for one in paid(plan, shuffled)][:1] == [results[0].commission]
    for result in results:
        sums = {kind: sum(line.amount for line in result.lines if line.kind == kind) for kind in _KINDS}
        parts = (result.commission, result.spif, result.clawback, result.adjustment, result.withheld, result.released)
        assert tuple(sums[kind] for kind in _SUMMED) == parts
        assert sums["kept"] == sums["forfeit"] == 0
        assert result.commission == sum(part.commission for part in result.components)
        assert result.amount == sum(parts) + result.draw_advance - result.draw_repaid
        assert payout_at(plan, result, 0) == result.amount
    withheld: dict[tuple[str, str], int] = {}
    for line in (line for result in results for line in result.lines):
        withheld[line.owner, line.opportunity_id] = withheld.get((line.owner, line.opportunity_id), 0) + line.withheld
    assert all(left >= 0 for left in withheld.values()), "no more is released than was withheld"


@given(plans(), entries(), entries())
@settings(deadline=None, max_examples=50)
def test_what_is_known_later_leaves_what_was_closed_and_is_paid_once(
    plan: CompensationPlan, before: list[Credit], after: list[Credit]
) -> None:
    first, second, third = PERIODS

    def of(period: object, credits_: Sequence[Credit]) -> list[Credit]:
        return [credit for credit in credits_ if period.contains(credit.booked_on)]  # type: ignore[attr-defined]

    closed = payout(plan, QUOTA, of(first, before), rep_id="r", period=first)
    restated = payout(plan, QUOTA, of(first, after), rep_id="r", period=first)
    later = payout(plan, QUOTA, of(second, after), rep_id="r", period=second, earlier=[closed], restated=[restated])
    assert later.adjustment == restated.payable - closed.payable
    last = payout(plan, QUOTA, of(third, after), rep_id="r", period=third, earlier=[closed, later], restated=[restated])
    assert last.adjustment == 0


def known(
    plan: CompensationPlan, credits_: Sequence[Credit], periods: int, *, employed: int = len(PERIODS)
) -> list[PeriodTerms]:
    """What is known of the first periods; the rep has left after some of them."""
    return [
        PeriodTerms(
            period,
            plan,
            QUOTA if number < employed else 0,
            [credit for credit in credits_ if period.contains(credit.booked_on)],
            settles=number >= employed,
        )
        for number, period in enumerate(PERIODS[:periods])
    ]


def closed_one_by_one(
    plan: CompensationPlan, states: Sequence[Sequence[Credit]], *, employed: int = len(PERIODS)
) -> dict[str, Payout | None]:
    """Each period closed on what was known then."""
    closed: dict[str, Payout | None] = {}
    for number, state in enumerate(states, start=1):
        label = PERIODS[number - 1].label
        found = pay_in_order("r", known(plan, state, number, employed=employed), closed)
        again = pay_in_order("r", known(plan, list(state), number, employed=employed), closed)
        assert found == again, "a replay is identical"
        assert {one: found.payouts.get(one) for one in closed} == closed, "what is closed stays"
        closed[label] = found.payouts.get(label)
    return closed


@given(plans(), entries(), entries(), entries())
@settings(deadline=None, max_examples=60)
def test_closed_periods_pay_together_what_full_knowledge_would(
    plan: CompensationPlan, first: list[Credit], second: list[Credit], third: list[Credit]
) -> None:
    """Whatever was late, changed or reversed between closings: nothing is paid or taken twice."""
    closed = [one for one in closed_one_by_one(plan, [first, second, third]).values() if one is not None]
    whole = list(pay_in_order("r", known(plan, third, 3)).payouts.values())
    assert sum(one.payable for one in closed) == sum(one.payable for one in whole)
    own = [line for line in closed[-1].lines if not line.of_period]
    assert own == list(whole[-1].lines), "the last period itself is paid as if everything had been known in time"
    if plan.draw is None or plan.draw.recoverable:
        left = [sum(one.amount for one in chain) - chain[-1].draw_balance for chain in (closed, whole)]
        assert left[0] == left[1]
    nothing_new = pay_in_order("r", known(plan, third, 3), {one.period: one for one in closed[:2]})
    assert nothing_new.payouts[PERIODS[2].label] == closed[-1]
    assert not pay_in_order("r", known(plan, third, 3), {one.period: one for one in closed}).pending


@given(plans(), entries(), entries(), entries(), st.integers(1, 2))
@settings(deadline=None, max_examples=60)
def test_with_leavers_everything_is_settled_to_the_cent(
    plan: CompensationPlan, first: list[Credit], second: list[Credit], third: list[Credit], employed: int
) -> None:
    """Whatever comes to light after the last day at work is paid or taken once, and nothing new is earned."""
    closed = closed_one_by_one(plan, [first, second, third], employed=employed)
    made = [one for one in closed.values() if one is not None]
    whole = pay_in_order("r", known(plan, third, 3, employed=employed))
    assert sum(one.payable for one in made) == sum(one.payable for one in whole.payouts.values())
    assert not pay_in_order("r", known(plan, third, 3, employed=employed), closed).pending
    for one in made[employed:]:
        assert (one.quota, one.commission, one.spif, one.draw_advance, one.attainment) == (0, 0, 0, 0, None)
        assert one.amount == sum(line.amount for line in one.lines) - one.draw_repaid


@given(
    st.lists(st.integers(1, 1_000_00), min_size=1, max_size=4),
    st.lists(st.integers(0, 100), min_size=12, max_size=12),
)
@settings(deadline=None, max_examples=40)
def test_shares_that_change_after_a_closing_move_pay_and_make_none(amounts: list[int], weights: list[int]) -> None:
    plan = CompensationPlan.parse({"plan_id": "p", "tiers": [{"from": 0, "rate": "0.1"}]}, where="test")
    states: dict[str, list[list[Credit]]] = {"r": [], "s": []}
    for number in range(3):
        credits_: dict[str, list[Credit]] = {"r": [], "s": []}
        for deal, amount in enumerate(amounts):
            share = Decimal(weights[4 * number + deal]) / 100
            for rep, part in split_credit(amount, {"r": share, "s": 1 - share}).items():
                credits_[rep].append(Credit(f"{deal}", f"d{deal}", PERIODS[0].start, part))
        for rep, of_rep in credits_.items():
            states[rep].append(of_rep)
    chains = [closed_one_by_one(plan, states[rep]).values() for rep in states]
    paid = sum(one.amount for chain in chains for one in chain if one is not None)
    assert abs(paid - sum(amounts) / 10) <= 1, "half a cent of rounding for each of the two"


@given(
    st.integers(-10_000_00, 10_000_00),
    st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(any),
)
def test_splits_conserve_the_deal(amount: int, weights: list[int]) -> None:
    shares = {str(number): Decimal(weight) / 100 for number, weight in enumerate(weights)}
    shares["rest"] = 1 - sum(shares.values())
    if shares["rest"] < 0:
        return
    split = split_credit(amount, shares)
    assert sum(split.values()) == amount
    assert all(abs(part - amount * shares[rep]) < 1 for rep, part in split.items())


def test_credits_of_the_test_lie_in_its_periods() -> None:
    assert PERIODS[0].start + timedelta(270) <= PERIODS[-1].end
    assert PERIODS[0].start == date(2026, 1, 1)


_SUMMED = ("commission", "spif", "clawback", "adjustment", "holdback", "release")
_KINDS = (*_SUMMED, "kept", "forfeit")
