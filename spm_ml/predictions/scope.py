"""Who may see whom: one rule, one SQL predicate, used by every read and every decision."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from sqlalchemy import BindParameter, ColumnElement, Select, case, exists, false, literal, select, true

from spm_ml.predictions.schema import people, pointer, predictions, teams

Role = Literal["manager", "hr", "analyst", "rep", "admin"]
Subject = Literal[
    "person",
    "figures",
    "offer",
    "decision",
    "own_offer",
    "team",
    "whole",
    "plan",
    "objective",
    "proposal",
    "proposal_sums",
    "fairness",
    "case",
    "answer",
    "own_case",
    "number",
    "own_number",
    "assessment",
    "assess",
    "feedback",
    "give_feedback",
    "feedback_counts",
    "pulse",
    "own_pulse",
    "pulse_counts",
    "note",
    "write_note",
    "agreement",
    "pay",
    "pay_total",
    "access",
]
Text = str | ColumnElement[Any]
"""A value, or where the statement finds it."""
Reach = Literal["tree", "reports", "self", "others", "all", "large", "above", "everybody", "none"]

ROLES: Final[tuple[Role, ...]] = ("manager", "hr", "analyst", "rep", "admin")

SMALLEST_GROUP: Final = 5
"""Reps below which a team's aggregate would say too much about one of them."""

REACH: Final[dict[Role, dict[Subject, Reach]]] = {
    "manager": {
        "person": "tree",
        "figures": "tree",
        "offer": "tree",
        "decision": "reports",
        "own_offer": "self",
        "team": "tree",
        "whole": "everybody",
        "plan": "everybody",
        "objective": "above",
        "proposal": "tree",
        "proposal_sums": "none",
        "fairness": "none",
        "case": "tree",
        "answer": "reports",
        "own_case": "self",
        "number": "reports",
        "own_number": "self",
        "assessment": "tree",
        "assess": "tree",
        "feedback": "tree",
        "give_feedback": "tree",
        "feedback_counts": "none",
        "pulse": "tree",
        "own_pulse": "self",
        "pulse_counts": "none",
        "note": "tree",
        "write_note": "reports",
        "agreement": "tree",
        "pay": "tree",
        "pay_total": "everybody",
        "access": "none",
    },
    "hr": {
        "person": "all",
        "figures": "none",
        "offer": "all",
        "decision": "others",
        "own_offer": "self",
        "team": "none",
        "whole": "none",
        "plan": "all",
        "objective": "none",
        "proposal": "none",
        "proposal_sums": "all",
        "fairness": "all",
        "case": "all",
        "answer": "others",
        "own_case": "self",
        "number": "none",
        "own_number": "none",
        "assessment": "none",
        "assess": "none",
        "feedback": "all",
        "give_feedback": "none",
        "feedback_counts": "all",
        "pulse": "none",
        "own_pulse": "none",
        "pulse_counts": "all",
        "note": "none",
        "write_note": "none",
        "agreement": "none",
        "pay": "none",
        "pay_total": "none",
        "access": "none",
    },
    "analyst": {
        "person": "none",
        "figures": "none",
        "offer": "none",
        "decision": "none",
        "own_offer": "none",
        "team": "large",
        "whole": "large",
        "plan": "all",
        "objective": "large",
        "proposal": "none",
        "proposal_sums": "all",
        "fairness": "none",
        "case": "none",
        "answer": "none",
        "own_case": "none",
        "number": "none",
        "own_number": "none",
        "assessment": "none",
        "assess": "none",
        "feedback": "none",
        "give_feedback": "none",
        "feedback_counts": "all",
        "pulse": "none",
        "own_pulse": "none",
        "pulse_counts": "none",
        "note": "none",
        "write_note": "none",
        "agreement": "none",
        "pay": "none",
        "pay_total": "none",
        "access": "none",
    },
    "rep": {
        "person": "self",
        "figures": "self",
        "offer": "self",
        "decision": "none",
        "own_offer": "self",
        "team": "none",
        "whole": "none",
        "plan": "none",
        "objective": "above",
        "proposal": "none",
        "proposal_sums": "none",
        "fairness": "none",
        "case": "self",
        "answer": "none",
        "own_case": "self",
        "number": "none",
        "own_number": "self",
        "assessment": "self",
        "assess": "self",
        "feedback": "self",
        "give_feedback": "self",
        "feedback_counts": "none",
        "pulse": "self",
        "own_pulse": "self",
        "pulse_counts": "none",
        "note": "self",
        "write_note": "none",
        "agreement": "self",
        "pay": "self",
        "pay_total": "none",
        "access": "none",
    },
    "admin": {
        "person": "none",
        "figures": "none",
        "offer": "none",
        "decision": "none",
        "own_offer": "none",
        "team": "none",
        "whole": "none",
        "plan": "none",
        "objective": "none",
        "proposal": "none",
        "proposal_sums": "none",
        "fairness": "none",
        "case": "none",
        "answer": "none",
        "own_case": "none",
        "number": "none",
        "own_number": "none",
        "assessment": "none",
        "assess": "none",
        "feedback": "none",
        "give_feedback": "none",
        "feedback_counts": "none",
        "pulse": "none",
        "own_pulse": "none",
        "pulse_counts": "none",
        "note": "none",
        "write_note": "none",
        "agreement": "none",
        "pay": "none",
        "pay_total": "none",
        "access": "all",
    },
}
"""What each role reaches. Person: name, team and risk band. Figures: bookings, deals, pipeline, quota, forecast and
what people submitted. Offer: recommendations. Decision: whose offers it may decide about. Own offer: whose it may
decline. Team: a manager's aggregates. Whole: those of a region or the company, for managers with everybody below them.
Plan: what the offers of everybody cost and are worth together. Objective: what groups beyond the own are to reach, and
how far they are. Proposal: quotas that were proposed, by rep. Proposal sums: what they are for many together.
Fairness: burden and benefit by protected group, none below the minimum, for HR alone. Case: what people say about
their own numbers. Answer: whose cases it may answer. Own case: about whom it may open one. Number: for whom it may
enter what they will book. Own number: whether it may enter that for itself. Assessment: ratings of skills. Assess:
whose skills it may rate. Feedback: what people said about forecasts, diagnoses and offers, with their words. Give
feedback: about whose it may say something. Feedback counts: how many said what, of everybody, and how contests ended.
Pulse: a rep's own short answers, of others only where they are shared. Own pulse: whether it may give them. Pulse
counts: what everybody answered together. Note: what managers noted about people. Write note: about whom. Agreement:
what a rep and the managers above agree on, to read and to change. Pay: statements, with every deal behind them. Pay
total: what the incentives of everybody cost together.
Access: accounts, tokens and the audit."""


@dataclass(frozen=True)
class Scope:
    """A principal's view of the organisation.

    Attributes:
        role: What the principal is.
        rep_id: Who the principal is; managers and reps must be somebody.

    Raises:
        ValueError: A manager or rep without a `rep_id`.
    """

    role: Role
    rep_id: str | None = None

    def __post_init__(self) -> None:
        if self.role in ("manager", "rep") and not self.rep_id:
            raise ValueError(f"a {self.role} must name a rep_id; without one there is nobody to see")

    def reach(self, subject: Subject) -> Reach:
        """How far the principal sees."""
        return REACH[self.role][subject]

    def predicate(self, subject: Subject, column: ColumnElement[Any], batch_id: str) -> ColumnElement[bool]:
        """The condition on `column` (a `rep_id`, or a team's `manager_id`) that keeps what the principal reaches.

        Args:
            subject: What is read or decided about.
            column: Holds the person the row belongs to; for `whole` and `plan` the row's batch.
            batch_id: The published batch, whose people form the tree.
        """
        return condition(self.reach(subject), subject, self.rep_id, column, batch_id)


def condition(
    reach: Reach,
    subject: Subject,
    rep_id: Text | None,
    column: ColumnElement[Any],
    batch_id: Text,
) -> ColumnElement[bool]:
    """The rule itself, over values that are known or that the statement finds.

    Args:
        reach: How far the principal sees.
        subject: What is read or decided about.
        rep_id: Who the principal is; None: nobody.
        column: Holds the person the row belongs to. A parameter is one person who is asked about: then the managers
            above are looked up, a few rows in an organisation of any size, and not everybody below the principal.
        batch_id: The batch whose people form the tree.
    """
    if reach == "all":
        return true()
    if reach == "others":
        return true() if rep_id is None else _expression(rep_id).is_(None) | (column != rep_id)
    if reach == "large":
        # The row is an aggregate's; what it tells, alone and beside the others, was found when it was published.
        return teams.c.disclosable
    if rep_id is None or reach == "none":
        return false()
    if reach == "self":
        return column == rep_id
    if reach == "above":
        # Of the teams that the person is in, and of the company; how few people may be behind it, the reader heeds.
        me = _expression(rep_id)
        belongs = exists().where(people.c.batch_id == batch_id, people.c.rep_id == me)
        return belongs & ((teams.c.level == "company") | column.in_(_managers_of(me, batch_id)))
    if reach == "everybody":
        outside = predictions.c.rep_id.not_in(tree_of(rep_id, batch_id))
        same_day = predictions.c.as_of == teams.c.as_of if subject == "whole" else true()
        return ~exists().where(predictions.c.batch_id == column, same_day, outside)
    if isinstance(column, BindParameter):
        me = _expression(rep_id)
        # Most ask about a direct report: only where that is not the answer the walk goes on.
        inside: ColumnElement[bool] = case(
            (me == _manager_of(column, batch_id), true()), else_=me.in_(_managers_of(column, batch_id))
        )
    else:
        inside = column.in_(tree_of(rep_id, batch_id))
    return inside & (column != rep_id) if reach == "reports" else inside


def tree_of(rep_id: Text, batch_id: Text, *, name: str = "tree") -> Select[tuple[str]]:
    """The person and everybody below, directly or not. A cycle in the tree ends the walk instead of looping.

    Args:
        rep_id: The top; needs no row of its own, because managers are not always listed as reps.
        batch_id: Whose people form the tree.
        name: Tells two trees in one statement apart.
    """
    known = isinstance(rep_id, str) and isinstance(batch_id, str)
    return _known_tree(rep_id, batch_id, name) if known else _walk_down(rep_id, batch_id, name)


def _walk_down(rep_id: Text, batch_id: Text, name: str) -> Select[tuple[str]]:
    tree = select(_expression(rep_id).label("rep_id")).cte(name, recursive=True)
    below = select(people.c.rep_id).where(people.c.batch_id == batch_id, people.c.manager_id == tree.c.rep_id)
    tree = tree.union(below)
    return select(tree.c.rep_id)


_known_tree: Final = lru_cache(128)(_walk_down)
"""The statement, not what it finds: a page asks for the same tree a dozen times, and building takes longer than asking.
"""


def _manager_of(person: ColumnElement[Any], batch_id: Text) -> ColumnElement[str]:
    one = people.alias("one")
    manager = select(one.c.manager_id).where(one.c.batch_id == batch_id, one.c.rep_id == person)
    return manager.correlate(pointer).scalar_subquery()


def _managers_of(person: ColumnElement[Any], batch_id: Text) -> Select[tuple[str]]:
    """The person and everybody above, up to the top; the other end of `tree_of`, and ends in a cycle as well."""
    managers = select(person.label("rep_id")).cte("managers", recursive=True, nesting=True)
    above = select(people.c.manager_id).where(
        people.c.batch_id == batch_id, people.c.rep_id == managers.c.rep_id, people.c.manager_id.is_not(None)
    )
    managers = managers.union(above.correlate(pointer))
    return select(managers.c.rep_id)


def _expression(value: Text) -> ColumnElement[Any]:
    return literal(value) if isinstance(value, str) else value
