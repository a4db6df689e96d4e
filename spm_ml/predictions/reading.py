"""Reads of one published batch: all in one snapshot, all through one scope."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal, Self

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, select

from spm_ml.hazards import Abstention
from spm_ml.predictions import schema
from spm_ml.predictions.batch import Batch, Person
from spm_ml.predictions.board import BoardForecast, Moved, WithoutQuota
from spm_ml.predictions.decisions import Decision, latest_decisions
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.reading_days import DayReader, UnknownDayError, medians_on
from spm_ml.predictions.reading_model import ModelReader
from spm_ml.predictions.reading_objectives import ObjectiveReader
from spm_ml.predictions.reading_outcomes import OutcomeReader
from spm_ml.predictions.reading_pay import PayReader
from spm_ml.predictions.reading_talks import TalkReader
from spm_ml.predictions.rows import (
    Level,
    Prediction,
    Recommendation,
    RiskBand,
    TeamPrediction,
    WeekForecast,
    sums_alone,
)
from spm_ml.predictions.scope import Subject, tree_of
from spm_ml.predictions.selection import (
    EVERYBODY,
    SORTS,
    WITHOUT_FIGURES,
    BandChoice,
    Item,
    Listing,
    Selection,
    UnseenOrderError,
)

OfferStatus = Literal["open", "accepted", "overridden", "declined", "expired"]

_rep = schema.predictions.c
_offer = schema.recommendations.c
_team = schema.teams.c
_what_if = schema.what_if_inputs.c

_PERSON: Final = (
    *(_rep[name] for name in ("rep_id", "name", "role", "manager_id", "team", "region", "segment", "risk_band")),
    _rep.abstention_reason,
    _rep.abstention_detail,
)


@dataclass(frozen=True)
class RepSummary:
    """A rep without any figure: what HR may see."""

    rep_id: str
    name: str
    role: str
    manager_id: str | None
    team: str
    region: str
    segment: str
    risk_band: RiskBand | None
    abstention: Abstention | None


@dataclass(frozen=True)
class Offer:
    """A recommendation with the person it is for and what was decided about it."""

    recommendation: Recommendation
    rep: RepSummary
    decision: Decision | None

    def status(self, batch: Batch, today: date | None = None) -> OfferStatus | None:
        """Where the offer stands; None if nothing is offered. Without a decision it lapses by itself.

        Args:
            batch: Of which it is.
            today: The day that counts, if it is after the batch's own.
        """
        if self.recommendation.abstention is not None:
            return None
        if self.decision is not None and self.decision.verdict != "reversed":
            return self.decision.verdict
        return "expired" if self.recommendation.expires_on < max(batch.as_of, today or batch.as_of) else "open"


class BatchReader(TalkReader, DayReader, ModelReader, ObjectiveReader, OutcomeReader, PayReader):
    """The published batch of a period, as one principal may see it."""

    def on(self, as_of: date | None) -> Self:
        """The same batch with forecasts and sums as of an earlier day; people, offers and access stay those of now.

        What the batch holds of earlier days is what its model says of what was recorded by then, not what was published
        then.

        Args:
            as_of: One of `days`; None: the batch's own.

        Raises:
            UnknownDayError: It is none of them.
        """
        if as_of is None or as_of == self.batch.as_of:
            return self
        if as_of not in self.days():
            raise UnknownDayError(f"batch {self.batch.batch_id} holds no forecasts as of {as_of}")
        return type(self)(self._connection, self.batch, self.scope, self._tree_batch_id, as_of)

    def people(self) -> tuple[Person, ...]:
        """Everybody in the tree, managers included, by name."""
        rows = schema.people.c
        found = self._connection.execute(
            select(rows.rep_id, rows.name, rows.manager_id, rows.role)
            .where(rows.batch_id == self.batch.batch_id, self._may("person", rows.rep_id))
            .order_by(rows.name, rows.rep_id)
        )
        return tuple(Person(*row) for row in found)

    def band_counts(self, manager_id: str | None = None) -> dict[BandChoice, int]:
        """How many reps of the batch, or of one manager's tree, are in each band."""
        query = self._reps("person", _rep.risk_band, func.count().label("reps")).group_by(_rep.risk_band)
        rows = self._connection.execute(self._narrowed(query, Selection(manager_id=manager_id)))
        return {row.risk_band or "none": row.reps for row in rows}

    def without_quota(self, manager_id: str | None = None) -> WithoutQuota:
        """Reps in scope, or of one manager's tree, whose forecast stands in sums without a quota beside it."""
        of_all = (func.count(_rep.median), func.coalesce(func.sum(_rep.median), 0.0))
        query = self._reps("figures", *of_all).where(func.coalesce(_rep.quota, 0) == 0)
        reps, forecast = self._connection.execute(self._narrowed(query, Selection(manager_id=manager_id))).one()
        return WithoutQuota(reps, float(forecast))

    def reps(self, selection: Selection = EVERYBODY) -> Listing[RepSummary]:
        """Reps by name, team and band.

        Raises:
            UnseenOrderError: The order would tell figures that the reader may not see.
        """
        return self._list(self._reps("person", *_PERSON), selection, _summary)

    def rep(self, rep_id: str) -> RepSummary | None:
        """One rep by name, team and band; None if there is none in scope."""
        row = self._connection.execute(self._rep("person", rep_id, *_PERSON)).first()
        return None if row is None else _summary(row)

    def predictions(self, selection: Selection = EVERYBODY) -> Listing[Prediction]:
        """Forecasts as of the day."""
        return self._list(self._reps("figures", _rep.body), selection, lambda row: decode(Prediction, row.body))

    def board(self, selection: Selection = EVERYBODY) -> Listing[BoardForecast]:
        """The same, of each only what a list shows; what changed since the week before is told of earlier days too."""
        found = self._list(self._reps("figures", _rep.body), selection, lambda row: decode(BoardForecast, row.body))
        if self.as_of == self.batch.as_of:
            return found
        before = max((day for day in self.days() if day < self.as_of), default=None)
        if before is None:
            return found
        medians = medians_on(self._connection, self.batch.batch_id, before, [row.rep_id for row in found.items])
        moved = {rep_id: Moved(before, median) for rep_id, median in medians.items()}
        return Listing(tuple(replace(row, change=moved.get(row.rep_id)) for row in found.items), found.total)

    def prediction(self, rep_id: str) -> Prediction | None:
        """One rep's forecast as of the day; None if there is none in scope."""
        row = self._connection.execute(self._rep("figures", rep_id, _rep.body)).first()
        return None if row is None else decode(Prediction, row.body)

    def what_if(self, rep_id: str) -> tuple[str | None] | None:
        """What what-if questions about a rep start from, where it was kept; None if the rep is not in scope."""
        own = and_(_what_if.batch_id == _rep.batch_id, _what_if.rep_id == _rep.rep_id)
        query = self._reps("figures", _what_if.body).join_from(
            schema.predictions, schema.what_if_inputs, own, isouter=True
        )
        row = self._connection.execute(query.where(_rep.rep_id == rep_id)).first()
        return None if row is None else (row.body,)

    def history(self, rep_id: str) -> tuple[Prediction, ...]:
        """One rep's forecasts on every as-of day of the period, oldest first; empty if none is in scope."""
        return tuple(decode(Prediction, body) for body in self._bodies(rep_id))

    def weeks(self, rep_id: str) -> tuple[WeekForecast, ...]:
        """The same, of each day only what is compared from week to week: much less to read."""
        return tuple(decode(WeekForecast, body) for body in self._bodies(rep_id))

    def groups(self, level: Level) -> tuple[TeamPrediction, ...]:
        """Teams, regions or the company as of the day, by what readers call them."""
        rows = self._connection.execute(self._groups(level).order_by(_team.label, _team.key))
        return tuple(self._group(row) for row in rows)

    def group(self, level: Level, key: str) -> TeamPrediction | None:
        """One of them; None if there is none in scope."""
        row = self._connection.execute(self._groups(level).where(_team.key == key)).first()
        return None if row is None else self._group(row)

    def offers(
        self,
        selection: Selection = EVERYBODY,
        *,
        rep_ids: Collection[str] | None = None,
    ) -> Listing[Offer]:
        """Recommendations and what was decided about them; abstentions after offers, then in the selection's order.

        Args:
            selection: Which reps.
            rep_ids: Only these reps.

        Raises:
            UnseenOrderError: The order would tell figures that the reader may not see.
        """
        query = self._reps("offer", *_PERSON, _offer.body.label("offer_body")).join_from(
            schema.predictions,
            schema.recommendations,
            and_(_offer.batch_id == _rep.batch_id, _offer.rep_id == _rep.rep_id),
        )
        if rep_ids is not None:
            query = query.where(_rep.rep_id.in_(rep_ids))
        query = query.order_by(_offer.abstained)
        found = self._list(query, selection, lambda row: (decode(Recommendation, row.offer_body), _summary(row)))
        decided = latest_decisions(
            self._connection, self.batch, self.scope, {rep.rep_id for _, rep in found.items}, self._tree_batch_id
        )
        return Listing(
            tuple(Offer(offer, rep, decided.get((rep.rep_id, offer.program_id))) for offer, rep in found.items),
            found.total,
        )

    def _reps(self, subject: Subject, *columns: ColumnElement[Any]) -> Select[Any]:
        return select(*columns).where(
            _rep.batch_id == self.batch.batch_id, _rep.as_of == self.as_of, self._may(subject, _rep.rep_id)
        )

    def _bodies(self, rep_id: str) -> Sequence[str]:
        return self._connection.scalars(
            select(_rep.body)
            .where(_rep.batch_id == self.batch.batch_id, _rep.rep_id == rep_id, self._may("figures", literal(rep_id)))
            .order_by(_rep.as_of)
        ).all()

    def _rep(self, subject: Subject, rep_id: str, *columns: ColumnElement[Any]) -> Select[Any]:
        """One rep, found by the managers above and not among all that are below."""
        return select(*columns).where(
            _rep.batch_id == self.batch.batch_id,
            _rep.as_of == self.as_of,
            _rep.rep_id == rep_id,
            self._may(subject, literal(rep_id)),
        )

    def _group(self, row: Row[Any]) -> TeamPrediction:
        """Whoever sees no rep's figures gets the sums, and nothing about a person."""
        group = decode(TeamPrediction, row.body)
        return sums_alone(group) if self.scope.reach("figures") == "none" else group

    def _groups(self, level: Level) -> Select[Any]:
        seen = self._may("team", _team.manager_id) if level == "team" else self._may("whole", _team.batch_id)
        return select(_team.body).where(
            _team.batch_id == self.batch.batch_id, _team.as_of == self.as_of, _team.level == level, seen
        )

    def _narrowed(self, query: Select[Any], selection: Selection) -> Select[Any]:
        if selection.manager_id is not None:
            team = tree_of(selection.manager_id, self._tree_batch_id, name="team")
            query = query.where(_rep.rep_id.in_(team))
        if selection.band == "none":
            query = query.where(_rep.risk_band.is_(None))
        elif selection.band is not None:
            query = query.where(_rep.risk_band == selection.band)
        if selection.search:
            query = query.where(_rep.name_folded.contains(selection.search.casefold(), autoescape=True))
        return query

    def _list(self, query: Select[Any], selection: Selection, build: Callable[[Row[Any]], Item]) -> Listing[Item]:
        sorts = WITHOUT_FIGURES if self.scope.reach("figures") == "none" else SORTS
        if selection.sort not in sorts:
            raise UnseenOrderError(f"a {self.scope.role} may not order by {selection.sort}; order by risk or name")
        query = self._narrowed(query, selection)
        by = sorts[selection.sort]
        ordered = query.order_by(
            by.is_(None), by.desc() if selection.descending else by.asc(), _rep.name_folded, _rep.rep_id
        )
        rows = self._connection.execute(ordered.limit(selection.limit).offset(selection.offset)).all()
        items = tuple(build(row) for row in rows)
        if not selection.offset and len(items) < selection.limit:
            return Listing(items, len(items))
        total = self._connection.execute(
            query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
        ).scalar_one()
        return Listing(items, total)


def _summary(row: Row[Any]) -> RepSummary:
    reason = row.abstention_reason
    return RepSummary(
        rep_id=row.rep_id,
        name=row.name,
        role=row.role,
        manager_id=row.manager_id,
        team=row.team,
        region=row.region,
        segment=row.segment,
        risk_band=row.risk_band,
        abstention=None if reason is None else Abstention(reason, row.abstention_detail),
    )
