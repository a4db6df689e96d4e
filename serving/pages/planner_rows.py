"""A line of the plan as a reader sees it: short, with what is behind it folded away."""

from dataclasses import dataclass
from typing import Final

from serving import formats
from serving.formats import Money
from serving.pages.effect_words import between
from serving.pages.frame import rep_href
from serving.pages.offers import LEVELS, decision_words
from serving.pages.planner_lines import Line
from serving.pages.words import BandWords, band_words
from spm_ml.predictions import Principal

_CHANGES: Final = {"added": "+ added", "dropped": "− dropped", "other": "↔ another program", "same": "= the same"}
_ALREADY: Final = {"accepted": "accepted already", "overridden": "overridden already", "declined": "declined already"}


@dataclass(frozen=True)
class LineRow:
    """A line of the plan.

    Attributes:
        key: Tells the lines of a page apart.
        href: The rep's page; None for readers who see no figures.
        level: Whose enrolments the effect rests on; empty: nothing is offered.
        facts: What stands behind the offer, in pairs.
        lot: That the lot makes the rep wait; empty if not.
        change: Against the published plan; empty where this is it.
        decided: What was decided, or that the offer has expired; empty if nothing is.
        may_decide: Whether the reader may accept or override it here.
        may_take_back: Whether there is a decision to take back.
        is_open: Whether it can be accepted together with others.
    """

    key: str
    rep_id: str
    name: str
    href: str | None
    team: str
    band: BandWords
    program_id: str
    program: str
    effect: str
    interval: str
    net: str
    cost: str
    level: str
    reason: str
    facts: tuple[tuple[str, str], ...]
    lot: str
    change: str
    decided: str
    may_decide: bool
    may_take_back: bool
    is_open: bool


def line_row(line: Line, key: str, principal: Principal, money: Money) -> LineRow:
    """The words of a line."""
    rep = line.rep
    sees_figures = principal.scope.reach("figures") != "none"
    others = line.offer is not None and principal.scope.rep_id != rep.rep_id
    return LineRow(
        key=key,
        rep_id=rep.rep_id,
        name=rep.name,
        href=rep_href(rep.rep_id) if sees_figures else None,
        team=rep.team,
        band=band_words(rep.risk_band),
        program_id=line.program_id,
        program=line.program,
        effect="none claimed" if line.effect is None else formats.points(line.effect),
        interval=between(line.low, line.high) if line.effect is not None else "",
        net=formats.points(line.net),
        cost="unknown" if line.cost is None else money.amount(line.cost),
        level="" if line.level is None else LEVELS[line.level],
        reason=line.reason,
        facts=_facts(line, money) if line.program_id else (),
        lot=_lot(line),
        change=_change(line),
        decided=_decided(line),
        may_decide=others and line.status not in (None, "expired"),
        may_take_back=others and line.status in ("accepted", "overridden"),
        is_open=others and line.status == "open",
    )


def _facts(line: Line, money: Money) -> tuple[tuple[str, str], ...]:
    facts = [("Skill", line.skill.replace("_", " "))] if line.skill else []
    if line.effect is not None and line.p_positive is not None:
        facts.append(("Chance that it helps", formats.chance(line.p_positive)))
    if line.evidence and line.effect is not None:
        facts.append(("Evidence", line.evidence))
    row = None if line.offer is None else line.offer.recommendation
    if row is not None and row.cost_per_point is not None:
        facts.append(("Cost of a point", money.full(row.cost_per_point)))
    if row is not None:
        facts.append(("Offer holds until", formats.day(row.expires_on)))
    if line.kind == "offered" and line.propensity is not None and line.propensity < 1:
        facts.append(("Drawn by lot", f"this offer had a chance of {formats.chance(line.propensity)}"))
    return tuple(facts)


def _lot(line: Line) -> str:
    return "Drawn by lot to wait, so that the effect can be measured." if line.kind == "waiting" else ""


def _change(line: Line) -> str:
    if line.change is None:
        return ""
    was = f": {line.was}" if line.was else ""
    already = _ALREADY.get(line.status or "", "")
    return f"{_CHANGES[line.change]}{was}{f' ({already})' if already else ''}"


def _decided(line: Line) -> str:
    if line.offer is None:
        return ""
    if line.status == "expired":
        return f"Expired: nobody decided by {formats.day(line.offer.recommendation.expires_on)}"
    return "" if line.offer.decision is None else decision_words(line.offer.decision)
