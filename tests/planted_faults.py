"""Faults planted into the authorisation, one at a time: each must make the matrix differ from its oracle."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from sqlalchemy import ColumnElement, select, true
from starlette.exceptions import HTTPException

from serving import access
from serving.pages import exports as exports_page
from serving.pages import planner as planner_page
from serving.pages import rep as rep_page
from serving.routes import exports
from spm_ml.predictions import (
    BatchReader,
    Listing,
    Principal,
    Role,
    Scope,
    Selection,
    decisions,
    reading,
    schema,
    scope,
)
from spm_ml.predictions.credentials import Credentials, hashed
from spm_ml.predictions.engine import reading as snapshot
from spm_ml.predictions.scope import REACH, Reach, Subject, tree_of
from tests.authorisation import Case, cases, taking_back

Plant = Callable[[pytest.MonkeyPatch], None]
EVERY: Final = Selection()


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: A short name.
        what: What is wrong, in words.
        plant: Plants it.
        routes: Where it would show; the matrix asks these alone.
        query: Of the rules that are asked, where one alone would show it.
    """

    name: str
    what: str
    plant: Plant
    routes: tuple[str, ...]
    query: str | None = None

    def cases(self) -> tuple[Case, ...]:
        """The rules to ask; what is taken back depends on what was decided before, so that is left out."""
        return cases(
            lambda _, route, rule: (
                route in self.routes and self.query in (None, rule.query) and rule.body is not taking_back
            )
        )


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The fault, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        fault.plant(patch)
        yield


def _reach(role: Role, subject: Subject, reach: Reach) -> Plant:
    return lambda patch: patch.setitem(REACH[role], subject, reach)


def _predicate(wrong: Callable[[Scope, Subject, ColumnElement[Any], str, ColumnElement[bool]], Any]) -> Plant:
    """The predicate replaced by one that may use the right one."""
    right = Scope.predicate

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(
            Scope,
            "predicate",
            lambda self, subject, column, batch_id: wrong(
                self, subject, column, batch_id, right(self, subject, column, batch_id)
            ),
        )

    return plant


def _everything_for_managers(patch: pytest.MonkeyPatch) -> None:
    _predicate(lambda self, _subject, _column, _batch, right: true() if self.role == "manager" else right)(patch)


def _tree_of_the_batch_read(patch: pytest.MonkeyPatch) -> None:
    right = BatchReader.__init__

    def wrong(self: BatchReader, connection: Any, batch: Any, scope: Scope, _tree_batch_id: str) -> None:
        right(self, connection, batch, scope, batch.batch_id)

    patch.setattr(BatchReader, "__init__", wrong)


def _direct_reports_alone(patch: pytest.MonkeyPatch) -> None:
    def wrong(rep_id: str, batch_id: str, *, name: str = "tree") -> Any:
        people = schema.people.alias(name)
        return select(people.c.rep_id).where(people.c.batch_id == batch_id, people.c.manager_id == rep_id)

    patch.setattr(scope, "tree_of", wrong)


def _filter_in_place_of_scope(patch: pytest.MonkeyPatch) -> None:
    right = BatchReader._narrowed

    def wrong(self: BatchReader, query: Any, selection: Selection) -> Any:
        if selection.manager_id is None:
            return right(self, query, selection)
        team = tree_of(selection.manager_id, self._tree_batch_id, name="team")
        rows = schema.predictions.c
        return select(*query.selected_columns).where(
            rows.batch_id == self.batch.batch_id, rows.as_of == self.batch.as_of, rows.rep_id.in_(team)
        )

    patch.setattr(BatchReader, "_narrowed", wrong)


def _total_of_everybody(patch: pytest.MonkeyPatch) -> None:
    right = BatchReader.reps

    def wrong(self: BatchReader, selection: Selection = EVERY) -> Any:
        everybody = BatchReader(self._connection, self.batch, Scope("manager", "m-vp"), self._tree_batch_id)
        return Listing(right(self, selection).items, right(everybody, selection).total)

    patch.setattr(BatchReader, "reps", wrong)


def _answers_kept_between_principals(patch: pytest.MonkeyPatch) -> None:
    right, kept = BatchReader.predictions, {}

    def wrong(self: BatchReader, selection: Selection = EVERY) -> Any:
        return kept.setdefault((self.batch.batch_id, selection), right(self, selection))

    patch.setattr(BatchReader, "predictions", wrong)


def _principal_kept_between_requests(patch: pytest.MonkeyPatch) -> None:
    right, kept = Credentials.principal_of_token, []

    def wrong(self: Credentials, token: str) -> Principal | None:
        kept.append(right(self, token))
        return kept[0]

    patch.setattr(Credentials, "principal_of_token", wrong)


def _offer_without_scope(patch: pytest.MonkeyPatch) -> None:
    right = decisions._offer

    def wrong(connection: Any, batch: Any, _scope: Scope, _subject: Subject, rep_id: str, program_id: str) -> Any:
        return right(connection, batch, Scope("hr"), "offer", rep_id, program_id)

    patch.setattr(decisions, "_offer", wrong)


def _anybody_declines_for_anybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decisions, "_subject", lambda *_: "offer")


def _another_status_for_what_exists(patch: pytest.MonkeyPatch) -> None:
    right = BatchReader.rep

    def wrong(self: BatchReader, rep_id: str) -> Any:
        found = right(self, rep_id)
        if found is None and rep_id in _everybody(self):
            raise HTTPException(403)
        return found

    patch.setattr(BatchReader, "rep", wrong)


def _a_header_for_what_exists(patch: pytest.MonkeyPatch) -> None:
    right = BatchReader.rep

    def wrong(self: BatchReader, rep_id: str) -> Any:
        found = right(self, rep_id)
        if found is None and rep_id in _everybody(self):
            raise HTTPException(404, headers={"Vary": "Authorization"})
        return found

    patch.setattr(BatchReader, "rep", wrong)


def _everybody(reader: BatchReader) -> set[str]:
    everybody = BatchReader(reader._connection, reader.batch, Scope("hr"), reader._tree_batch_id)
    return {rep.rep_id for rep in BatchReader.reps(everybody).items}


def _page_with_another_scope(patch: pytest.MonkeyPatch) -> None:
    right = rep_page.on_batch

    async def wrong(request: Any, principal: Principal, build: Any, *, period: str | None = None) -> Any:
        return await right(request, replace(principal, scope=Scope("manager", "m-vp")), build, period=period)

    patch.setattr(rep_page, "on_batch", wrong)


def _role_unchecked(module: Any) -> Plant:
    return lambda patch: patch.setattr(module, "require_reach", lambda *_: None)


def _accepted(method: str, condition: Callable[[], ColumnElement[bool]]) -> Plant:
    """Access that should be refused is looked up again with a weaker condition."""
    right = getattr(Credentials, method)
    kept, secret = (
        (schema.tokens, schema.tokens.c.token_hash)
        if method == "principal_of_token"
        else (schema.sessions, schema.sessions.c.session_hash)
    )
    accounts = schema.accounts.c

    def wrong(self: Credentials, key: str) -> Principal | None:
        found: Principal | None = right(self, key)
        if found is not None:
            return found
        query = select(schema.accounts).join(kept, kept.c.account_id == accounts.account_id)
        with snapshot(self._engine) as connection:
            row = connection.execute(query.where(secret == hashed(key), condition())).first()
        return None if row is None else Principal(row.account_id, row.label, Scope(row.role, row.rep_id))

    return lambda patch: patch.setattr(Credentials, method, wrong)


def _export_without_scope(patch: pytest.MonkeyPatch) -> None:
    right = exports.export

    async def wrong(request: Any, principal: Principal, table: Any, which: Any) -> Any:
        return await right(request, replace(principal, scope=Scope("manager", "m-vp")), table, which)

    patch.setattr(exports, "export", wrong)
    patch.setattr(exports_page, "export", wrong)


_token, _session, _account = schema.tokens.c, schema.sessions.c, schema.accounts.c
_READS: Final = ("/v1/reps",)
_LISTS: Final = ("/v1/reps", "/v1/forecasts", "/v1/recommendations")

_WITHDRAWS: Final = ("/v1/cases/{case_id}/withdrawal", "/cases/{case_id}/withdrawal")

FAULTS: Final[tuple[Fault, ...]] = (
    Fault("hr figures", "HR reaches figures", _reach("hr", "figures", "all"), ("/v1/forecasts",)),
    Fault("rep everybody", "a rep reaches everybody", _reach("rep", "person", "all"), _READS),
    Fault("analyst people", "analysts reach people", _reach("analyst", "person", "all"), _READS),
    Fault("admin people", "whoever administers access reaches people", _reach("admin", "person", "all"), _READS),
    Fault(
        "decision everywhere",
        "a manager decides about anybody's offers",
        _reach("manager", "decision", "all"),
        ("/v1/decisions",),
    ),
    Fault("hr own offer", "HR decides about an offer of its own", _reach("hr", "decision", "all"), ("/v1/decisions",)),
    Fault("rep accepts", "a rep accepts an own offer", _reach("rep", "decision", "self"), ("/decisions",)),
    Fault("rep's cases", "a rep reads anybody's case", _reach("rep", "case", "all"), ("/v1/cases/{case_id}",)),
    Fault(
        "own answer", "HR answers a case of its own", _reach("hr", "answer", "all"), ("/v1/cases/{case_id}/answers",)
    ),
    Fault(
        "withdrawn for others", "a manager withdraws a report's case", _reach("manager", "own_case", "tree"), _WITHDRAWS
    ),
    Fault("hr audit", "HR reads the audit", _reach("hr", "access", "all"), ("/v1/audit",)),
    Fault("no predicate", "managers' rows are not narrowed", _everything_for_managers, _LISTS),
    Fault("direct reports", "only direct reports, not the tree below", _direct_reports_alone, _READS),
    Fault(
        "yesterday's tree",
        "an earlier period is seen through the tree of that time",
        _tree_of_the_batch_read,
        ("/v1/reps/{rep_id:path}",),
        "?period=2026Q1",
    ),
    Fault("filter", "a team named in the query replaces the scope", _filter_in_place_of_scope, _LISTS[:2], ""),
    Fault(
        "order of figures",
        "HR learns the order of figures it may not see",
        lambda patch: patch.setattr(reading, "WITHOUT_FIGURES", reading.SORTS),
        _READS,
        "?sort=booked",
    ),
    Fault("total", "the number of hits counts everybody", _total_of_everybody, _READS),
    Fault(
        "shared answers",
        "answers are kept by address, whoever asks",
        _answers_kept_between_principals,
        ("/v1/forecasts",),
    ),
    Fault("shared principal", "the first principal is kept for everybody", _principal_kept_between_requests, _READS),
    Fault(
        "small groups",
        "groups of any size for analysts",
        _reach("analyst", "team", "all"),
        ("/v1/teams",),
    ),
    Fault(
        "differences",
        "analysts get each group that is large enough, and can subtract them",
        _predicate(
            lambda self, _subject, _column, _batch, right: schema.teams.c.reps >= 5 if self.role == "analyst" else right
        ),
        ("/v1/teams", "/v1/groups"),
    ),
    Fault(
        "manager's quota",
        "analysts see a manager's own quota and words about deals",
        lambda patch: patch.setattr(reading, "sums_alone", lambda group: group),
        ("/v1/groups",),
    ),
    Fault("offer unscoped", "an offer is looked up without the scope", _offer_without_scope, ("/v1/decisions",)),
    Fault("declining for others", "whoever sees an offer declines it", _anybody_declines_for_anybody, ("/decisions",)),
    Fault(
        "403 for 404",
        "out of scope is told from non-existent by the status",
        _another_status_for_what_exists,
        ("/v1/reps/{rep_id:path}",),
    ),
    Fault(
        "a header",
        "out of scope is told from non-existent by a header",
        _a_header_for_what_exists,
        ("/v1/reps/{rep_id:path}",),
    ),
    Fault("page scope", "a page reads with another scope", _page_with_another_scope, ("/reps/{rep_id:path}",)),
    Fault(
        "export scope",
        "a file is made with another scope than the list",
        _export_without_scope,
        ("/v1/exports/reps.csv", "/exports/forecasts.csv"),
    ),
    Fault("page role", "a page forgets to ask for the role", _role_unchecked(planner_page), ("/planner/preview",)),
    Fault("api role", "the API asks for no role", _role_unchecked(access), ("/v1/forecasts",)),
    Fault(
        "expired token",
        "a token goes on after its end",
        _accepted("principal_of_token", lambda: _token.revoked_at.is_(None) & _account.disabled_at.is_(None)),
        _READS,
    ),
    Fault(
        "revoked token",
        "a token goes on after it was taken back",
        _accepted("principal_of_token", lambda: _token.revoked_at.is_not(None)),
        _READS,
    ),
    Fault(
        "disabled account",
        "the token of a disabled account goes on",
        _accepted("principal_of_token", lambda: _account.disabled_at.is_not(None)),
        _READS,
    ),
    Fault(
        "orphaned session",
        "a session goes on after its token was taken back",
        _accepted("principal_of_session", lambda: _session.revoked_at.is_(None)),
        ("/",),
    ),
)
"""Each is caught by `tests/contracts/test_planted_faults.py`."""
