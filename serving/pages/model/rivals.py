"""Champion and challenger in words: what the gate says of each, and what would have to be true to change them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serving import formats
from serving.pages.model.room import slug_words
from spm_ml.predictions import Champion, Contender, GateRow, PairedDifference, Rivals


@dataclass(frozen=True)
class Side:
    """One of the two in words."""

    title: str
    version: str
    forecaster: str
    registered: str
    data: str
    crps: str
    gate: str


@dataclass(frozen=True)
class TestRow:
    """One test of the gate, side by side; an empty result: this side was not asked."""

    test: str
    champion: str
    champion_detail: str
    challenger: str
    challenger_detail: str


@dataclass(frozen=True)
class ReignRow:
    """A champion of the past, or the one of now."""

    version: str
    since: str
    actor: str
    reason: str


@dataclass(frozen=True)
class RivalsCard:
    """Champion and challenger.

    Attributes:
        sides: The champion, then the challenger if there is one.
        difference: Between the two, in a sentence.
        needed: What would have to be true to promote the challenger; empty: nothing is missing.
        advice: What to do.
        command: The command for it; empty: none.
        tests: Of the gate, side by side.
        compared: When.
    """

    sides: tuple[Side, ...]
    difference: str
    needed: tuple[str, ...]
    advice: str
    command: str
    tests: tuple[TestRow, ...]
    compared: str


def rivals_card(found: Rivals) -> RivalsCard:
    """The two in words."""
    challenger = found.challenger
    needed = () if challenger is None else _needed(challenger)
    return RivalsCard(
        sides=(_side("Champion", found.champion), *(() if challenger is None else (_side("Challenger", challenger),))),
        difference=_difference(found.difference, challenger),
        needed=needed,
        advice=_advice(challenger, needed),
        command="spm train" if challenger is None else f"spm promote --version {challenger.version}",
        tests=_tests(found.champion.gate, () if challenger is None else challenger.gate),
        compared=f"{formats.moment(found.compared_at, 'UTC')} UTC",
    )


def reigns(history: Sequence[tuple[datetime, Champion]]) -> tuple[ReignRow, ...]:
    """Every champion, the latest first."""
    return tuple(
        ReignRow(champion.label, formats.day(at.date()), champion.actor, formats.sentence(champion.reason))
        for at, champion in history
    )


def _side(title: str, one: Contender) -> Side:
    failed = sum(not test.passed for test in one.gate)
    when = {"promotion": "when it was promoted", "training": "when it was trained", "never": ""}[one.judged]
    gate = "not asked"
    if one.gate:
        count = f"{len(one.gate)} test{'' if len(one.gate) == 1 else 's'}"
        gate = f"{f'fails {failed} of' if failed else 'passes'} {count}, {when}"
    return Side(
        title,
        f"{one.name} version {one.version}",
        one.label,
        formats.day(one.registered_at.date()),
        f"data version {one.data_version}" if one.data_version else "not on record",
        formats.decimal(one.crps),
        gate,
    )


def _difference(found: PairedDifference | None, challenger: Contender | None) -> str:
    if challenger is None:
        return "No version was registered after it, so there is nothing to compare."
    if found is None:
        return "The two have no tested row in common, so their errors cannot be compared."
    where = "in the same backtest" if found.same_backtest else "each in its own backtest, on the rows both have"
    rows = f"{formats.whole(found.rows)} rows of {found.reps} reps in {found.periods} periods, {where}"
    if found.mean == 0:
        return f"Both make the same error on every row ({rows})."
    size = formats.decimal(abs(found.mean), 4)
    better = "lower" if found.mean < 0 else "higher"
    if found.low is None or found.high is None:
        return f"The challenger's error (CRPS) is {size} {better}; too few reps to say whether that is luck ({rows})."
    clear = "clear of chance" if found.high < 0 or found.low > 0 else "which may be luck"
    ends = f"{formats.decimal(found.low, 4)} to {formats.decimal(found.high, 4)}"
    return (
        f"The challenger's error (CRPS) is {size} {better}, {clear}: 95% interval of the difference {ends}, drawn by "
        f"whole reps and periods ({rows})."
    )


def _needed(challenger: Contender) -> tuple[str, ...]:
    if not challenger.gate:
        return ("The gate was not asked of it yet: the command asks.",)
    return tuple(
        f"{slug_words(test.test)}: {formats.stored(test.detail)}" for test in challenger.gate if not test.passed
    )


def _advice(challenger: Contender | None, needed: Sequence[str]) -> str:
    if challenger is None:
        return "When new periods have finished, or drift was found, train another:"
    if needed and challenger.gate:
        return (
            "The gate refuses it as long as any of these holds. More finished periods, or another forecaster, may "
            "change that. The gate is asked again by:"
        )
    return "It passes every test that was asked when it was trained; the gate asks again, and protected groups too:"


def _tests(champion: Sequence[GateRow], challenger: Sequence[GateRow]) -> tuple[TestRow, ...]:
    left, right = ({test.test: test for test in tests} for tests in (champion, challenger))
    return tuple(
        TestRow(
            slug_words(name),
            _result(left.get(name)),
            _detail(left.get(name)),
            _result(right.get(name)),
            _detail(right.get(name)),
        )
        for name in dict.fromkeys((*left, *right))
    )


def _result(test: GateRow | None) -> str:
    if test is None:
        return ""
    return "✓ passed" if test.passed else "✗ failed"


def _detail(test: GateRow | None) -> str:
    return "" if test is None else formats.sentence(test.detail)
