"""A replay in words, for the person who asked."""

from collections.abc import Iterator
from typing import Final

from spm_ml.predictions import Prediction
from spm_ml.replay.identity import Difference
from spm_ml.replay.outcome import Outcome
from spm_ml.replay.restatement import RepChange, Restatement
from spm_ml.replay.result import Replay
from spm_ml.scoring.words import MoneyWords

SHOWN: Final = 20
"""Lines of a list that are shown; `--json` gives all."""


def report(replay: Replay) -> str:
    """What a person reads after a replay."""
    money = MoneyWords(replay.currency)
    return "\n".join((*_head(replay), *_compared(replay, money), *_since(replay, money), *_came(replay.outcome, money)))


def _head(replay: Replay) -> Iterator[str]:
    served = replay.served
    when = f"published on {served.published_at:%Y-%m-%d %H:%M} UTC" if served.published_at else "published"
    yield (
        f"{served.period} as of {served.as_of}, {when}: model version {served.model_version} ({replay.forecaster}), "
        f"data version {served.data_version} (newest record {served.watermark}, hash {served.data_hash[:12]}), "
        f"amounts in {replay.currency}."
    )


def _compared(replay: Replay, money: MoneyWords) -> Iterator[str]:
    identity, ledger = replay.identity, replay.ledger
    if ledger.changed_settings and ledger.same_hash:
        changed = _listed(ledger.changed_settings)
        yield f"organisation.yaml has changed since ({changed}); the tables were read with the settings of then."
    if identity is None:
        yield "Its rows are no longer kept, so there is nothing to compare with. Rebuilt from what the audit says:"
    elif not identity.differences:
        yield (
            f"Rebuilt bit for bit: {identity.numbers:,} of {identity.numbers:,} numbers are identical, and so are "
            f"{identity.words:,} texts, days and codes."
        )
    else:
        yield (
            f"{identity.identical_numbers:,} of {identity.numbers:,} numbers are identical; "
            f"{len(identity.differences):,} values differ (money in minor units):"
        )
        yield from _first([_difference(one) for one in identity.differences])
        yield f"What may explain it: {'; '.join(replay.causes)}." if replay.causes else "Nothing known explains it."
    if identity is None or len(replay.board) == 1:
        yield from _first([_row(row, money) for row in replay.board])


def _since(replay: Replay, money: MoneyWords) -> Iterator[str]:
    found = replay.restatement
    if found is None:
        yield "Since then no data came in and no setting that is kept changed."
        return
    yield f"Since then (data version {found.version}, newest record {found.watermark}):"
    if not found.tables:
        yield f"  nothing recorded by {replay.served.as_of} came in late or was corrected."
    yield from (f"  {table.text()}" for table in found.tables)
    if found.settings:
        yield f"  settings that are others now: {_listed(found.settings)}."
    if found.refused:
        yield f"  the model of then cannot read the data of now: {found.refused}"
    elif found.tables or found.settings:
        yield from _reps(found, replay, money)


def _reps(found: Restatement, replay: Replay, money: MoneyWords) -> Iterator[str]:
    if not found.reps:
        yield f"  no rep's bookings, quota or forecast of {replay.served.as_of} would be another."
        return
    count = "1 rep" if len(found.reps) == 1 else f"{len(found.reps)} reps"
    yield f"  as of {replay.served.as_of} this gives other numbers for {count}:"
    yield from _first([_change(change, money) for change in found.reps], indent="    ")


def _change(change: RepChange, money: MoneyWords) -> str:
    if change.booked[0] is None or change.booked[1] is None:
        return f"{change.rep_id} {change.name}: {'only now' if change.booked[0] is None else 'no longer'} on the board"
    parts = [
        f"{label} {_amount(then, money)} → {_amount(now, money)}{_by(then, now, money)}"
        for label, (then, now) in (("booked", change.booked), ("quota", change.quota), ("median", change.median))
        if then != now
    ]
    if change.p_hit[0] != change.p_hit[1]:
        parts.append(f"chance to reach the quota {_chance(change.p_hit[0])} → {_chance(change.p_hit[1])}")
    return f"{change.rep_id} {change.name}: {', '.join(parts)}"


def _came(found: Outcome | None, money: MoneyWords) -> Iterator[str]:
    if found is None:
        return
    yield f"What came of it, as known on {found.as_known_on}:"
    inside = [one.inside for one in found.forecast]
    if len(found.reps) == 1:
        one = found.reps[0]
        said = "left before the end" if one.result.censored else "nothing was forecast" if one.inside is None else None
        held = said or f"{'inside' if one.inside else 'outside'} the 80 % interval"
        booked, quota = money.amount(one.result.bookings), _amount(one.result.quota, money)
        yield f"  {one.rep_id} booked {booked} of a quota of {quota}; {held}."
        return
    if inside:
        yield f"  {sum(map(bool, inside))} of {len(inside)} reps ended inside their 80 % interval."
    if found.chances:
        expected, reached = sum(chance for chance, _ in found.chances), sum(hit for _, hit in found.chances)
        yield f"  {reached} of {len(found.chances)} reached their quota; the chances served add up to {expected:.1f}."
    if left := sum(one.result.censored for one in found.reps):
        yield f"  {left} left before the end."


def _row(row: Prediction, money: MoneyWords) -> str:
    head = f"{row.rep_id} {row.name}: booked {money.amount(row.booked)} of a quota of {_amount(row.quota, money)}"
    low, median, high = (row.quantile(level) for level in (0.1, 0.5, 0.9))
    if median is None:
        return f"{head}; {row.abstention.detail if row.abstention else 'no forecast'}"
    interval = f"80 % between {_amount(low, money)} and {_amount(high, money)}"
    return f"{head}; median {_amount(median, money)}, {interval}, chance to reach the quota {_chance(row.p_hit)}"


def _difference(one: Difference) -> str:
    return f"{one.row}, {one.field}: served {one.stored!r}, rebuilt {one.rebuilt!r}"


def _first(lines: list[str], indent: str = "  ") -> Iterator[str]:
    yield from (f"{indent}{line}" for line in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"{indent}… {len(lines) - SHOWN} more; --json lists all"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _amount(amount: float | None, money: MoneyWords) -> str:
    return "–" if amount is None else money.amount(amount)


def _by(then: float | None, now: float | None, money: MoneyWords) -> str:
    if then is None or now is None:
        return ""
    return f" ({'+' if now > then else ''}{money.amount(now - then)})"


def _chance(chance: float | None) -> str:
    return "–" if chance is None else f"{chance:.0%}"
