"""Every metric that comes from data, written a second time in plain SQL on SQLite, from the contract's tables.

For tests: organisations with calendar quarters, five-day weeks, no holidays, UTC and one currency; every event of a
deal states everything.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from spm_ml.tables import TABLE_BY_NAME

ZOMBIE_DAYS = 60
MARGIN = 0.8


def workdays(first: date, last: date) -> int:
    """Mondays to Fridays from one day to another."""
    return sum((first + timedelta(days=ahead)).weekday() < 5 for ahead in range((last - first).days + 1))


@dataclass(frozen=True)
class Quarter:
    """A calendar quarter."""

    start: date

    @property
    def end(self) -> date:
        return self.moved(1).start - timedelta(days=1)

    @property
    def label(self) -> str:
        return f"{self.start.year}Q{(self.start.month + 2) // 3}"

    def moved(self, count: int) -> "Quarter":
        months = self.start.year * 12 + self.start.month - 1 + 3 * count
        return Quarter(date(months // 12, months % 12 + 1, 1))

    def point(self, last: date, other: "Quarter") -> date:
        """The day of another quarter with the same share of its working days behind it."""
        passed, whole = workdays(self.start, min(last, self.end)), workdays(self.start, self.end)
        if passed == whole:
            return other.end
        number = int(passed * workdays(other.start, other.end) / whole + 0.5)
        day = other.start - timedelta(days=1)
        while workdays(other.start, day) < number:
            day += timedelta(days=1)
        return day


def quarter(label: str) -> Quarter:
    """The quarter of a label such as 2025Q3."""
    return Quarter(date(int(label[:4]), 3 * int(label[-1]) - 2, 1))


def _cell(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "money":
        return float(round(value * 100))
    return value.isoformat() if isinstance(value, date | datetime) else value


LEDGER = """
CREATE TABLE ledger AS
WITH numbered AS (
  SELECT e.*, date(e.recorded_at) AS day, ROW_NUMBER() OVER w - 1 AS n, LAG(e.outcome) OVER w AS before,
         LAG(IFNULL(e.amount, 0)) OVER w AS amount_before, LAG(e.expected_close_on) OVER w AS expected_before,
         LAG(date(e.recorded_at)) OVER w AS day_before
  FROM opportunity_events e WHERE date(e.recorded_at) <= :as_of
  WINDOW w AS (PARTITION BY e.opportunity_id ORDER BY e.recorded_at, e.rowid)
)
SELECT x.*, o.created_on, IFNULL(x.before, 'open') <> x.outcome AND x.outcome <> 'open' AS closes,
  CASE WHEN x.outcome <> 'open' AND IFNULL(x.before, 'open') = 'open' AND x.outcome = o.outcome
        AND o.closed_on <= x.day AND date(o.recorded_at) BETWEEN IFNULL(x.day_before, date(o.recorded_at)) AND x.day
       THEN o.closed_on ELSE x.day END AS event_on
FROM numbered x JOIN opportunities o USING (opportunity_id)
"""

BOOKINGS = """
CREATE TABLE bookings AS
WITH changes AS (
  SELECT l.*, CASE WHEN outcome = 'won' THEN IFNULL(amount, 0) ELSE 0 END AS now,
         CASE WHEN before = 'won' THEN amount_before ELSE 0 END AS was,
         (SELECT w.rep_id FROM ledger w WHERE w.opportunity_id = l.opportunity_id AND w.n <= l.n AND w.outcome = 'won'
            AND w.closes ORDER BY w.n DESC LIMIT 1) AS closer
  FROM ledger l WHERE outcome = 'won' OR before = 'won'
), shares AS (
  SELECT c.opportunity_id, c.rep_id, IFNULL(c.kind, 'revenue') AS kind, c.share,
    CASE WHEN c.kind = 'overlay' THEN 0 ELSE IFNULL((SELECT SUM(b.share) FROM credits b
      WHERE b.opportunity_id = c.opportunity_id AND b.kind IS NOT 'overlay' AND b.rep_id < c.rep_id), 0) END AS low
  FROM credits c
)
SELECT x.opportunity_id, x.event_on, x.closer AS rep_id, 'revenue' AS kind, x.now - x.was AS amount FROM changes x
WHERE NOT EXISTS (SELECT 1 FROM shares s WHERE s.opportunity_id = x.opportunity_id AND s.kind = 'revenue')
UNION ALL
SELECT x.opportunity_id, x.event_on, s.rep_id, s.kind,
  (ROUND(x.now * (s.low + s.share)) - ROUND(x.now * s.low)) - (ROUND(x.was * (s.low + s.share)) - ROUND(x.was * s.low))
FROM changes x JOIN shares s USING (opportunity_id)
"""

STATES = """
CREATE TABLE at_{name} AS
WITH newest AS (SELECT opportunity_id, MAX(n) AS n FROM ledger WHERE event_on <= :{name} GROUP BY 1)
SELECT l.*,
  (SELECT c.event_on FROM ledger c WHERE c.opportunity_id = l.opportunity_id AND c.n <= l.n AND c.closes
     ORDER BY c.n DESC LIMIT 1) AS closed_on,
  (SELECT c.rep_id FROM ledger c WHERE c.opportunity_id = l.opportunity_id AND c.n <= l.n AND c.closes
     ORDER BY c.n DESC LIMIT 1) AS closer,
  (SELECT IFNULL(c.amount, 0) FROM ledger c WHERE c.opportunity_id = l.opportunity_id AND c.n <= l.n
     AND c.outcome = 'open' ORDER BY c.n DESC LIMIT 1) AS open_amount,
  (SELECT c.expected_close_on FROM ledger c WHERE c.opportunity_id = l.opportunity_id AND c.n <= l.n
     AND c.outcome = 'open' ORDER BY c.n DESC LIMIT 1) AS open_expected,
  (SELECT c.amount FROM ledger c WHERE c.opportunity_id = l.opportunity_id AND c.n <= l.n
     AND IFNULL(c.amount, 0) <> 0 ORDER BY c.n LIMIT 1) AS first_amount,
  julianday(:{name}) - julianday(l.event_on) <= :zombie AS alive
FROM newest JOIN ledger l USING (opportunity_id, n)
"""

CLOSED = """
CREATE TABLE closed AS
SELECT closer AS rep_id, CAST(outcome = 'won' AS REAL) AS won, opportunity_id,
  CASE outcome WHEN 'won' THEN IFNULL(amount, 0) ELSE IFNULL(open_amount, amount) END AS amount,
  julianday(closed_on) - julianday(created_on) AS cycle,
  IFNULL(open_expected, expected_close_on) IS NOT NULL AS expected,
  EXISTS (SELECT 1 FROM ledger p WHERE p.opportunity_id = s.opportunity_id AND p.n <= s.n AND p.outcome = 'open'
     AND p.expected_close_on > date(p.expected_before, 'start of month',
           '+' || (3 - (CAST(strftime('%m', p.expected_before) AS INT) - 1) % 3) || ' months', '-1 day')) AS pushed
FROM at_last s WHERE outcome <> 'open' AND closed_on BETWEEN :start AND :last
"""

PEOPLE = """
CREATE TABLE people AS
SELECT rep_id, manager_id, hired_on, CASE WHEN left_on <= :as_of THEN left_on END AS left_on, IFNULL(fte, 1) AS fte,
  IFNULL(region, 'not stated') AS region, IFNULL(segment, 'not stated') AS segment, team
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY rep_id ORDER BY IFNULL(effective_from, hired_on) DESC) AS place
      FROM reps WHERE IFNULL(effective_from, hired_on) <= :last) WHERE place = 1;
CREATE TABLE members AS
WITH RECURSIVE above(key, rep_id) AS (
  SELECT rep_id, rep_id FROM people UNION SELECT p.manager_id, a.rep_id FROM above a JOIN people p ON p.rep_id = a.key
  WHERE p.manager_id IS NOT NULL
)
SELECT 'team' AS level, key, rep_id FROM above WHERE key IN (SELECT manager_id FROM people)
UNION ALL SELECT 'organisation', 'organisation', rep_id FROM people
UNION ALL SELECT 'region', region, rep_id FROM people
UNION ALL SELECT 'segment', segment, rep_id FROM people
UNION ALL SELECT 'rep', rep_id, rep_id FROM people;
CREATE TABLE quota AS
SELECT rep_id, period, amount, first FROM (
  SELECT q.rep_id, q.period, q.amount,
    ROW_NUMBER() OVER (PARTITION BY q.rep_id, q.period ORDER BY k.known DESC) AS place,
    FIRST_VALUE(q.amount) OVER (PARTITION BY q.rep_id, q.period ORDER BY k.known) AS first
  FROM quotas q JOIN (SELECT rowid AS row, IFNULL(set_on, q2.period_start) AS known FROM quotas q2) k ON k.row = q.rowid
  WHERE k.known <= MIN(q.period_end, :last)
) WHERE place = 1;
CREATE TABLE booked AS
SELECT m.level, m.key, SUM(b.amount) AS amount FROM members m JOIN bookings b USING (rep_id)
WHERE b.event_on BETWEEN :start AND :last AND (m.level = 'rep' OR b.kind = 'revenue') GROUP BY 1, 2;
CREATE TABLE own AS
SELECT p.rep_id,
  IFNULL((SELECT SUM(amount) FROM bookings b WHERE b.rep_id = p.rep_id AND b.event_on BETWEEN :start AND :last), 0)
    AS booked,
  (SELECT amount FROM quota q WHERE q.rep_id = p.rep_id AND q.period = :period) AS quota,
  (SELECT first FROM quota q WHERE q.rep_id = p.rep_id AND q.period = :period) AS quota_original
FROM people p;
CREATE TABLE open_now AS
SELECT *, expected_close_on BETWEEN MAX(:last, :start) AND :end AS due FROM at_last WHERE outcome = 'open' AND alive;
CREATE TABLE forecast AS
SELECT CASE l.outcome WHEN 'open' THEN l.rep_id ELSE l.closer END AS rep_id, l.outcome <> 'won' AS not_won,
  l.outcome = 'open' AND l.expected_close_on > :end AS pushed
FROM at_eve e JOIN at_last l USING (opportunity_id)
WHERE e.outcome = 'open' AND e.alive AND e.expected_close_on BETWEEN :start AND :end;
"""

_PEOPLE_WITH = (
    """SELECT m.level, m.key, {what} FROM members m JOIN {table} x ON x.rep_id = m.rep_id {where} GROUP BY 1, 2"""
)


def _sum(what: str, table: str, where: str = "") -> str:
    return _PEOPLE_WITH.format(what=what, table=table, where=where)


_BASE = "SELECT k.level, k.key, {what} FROM (SELECT DISTINCT level, key FROM members) k "
_BOOKED = "LEFT JOIN booked b ON b.level = k.level AND b.key = k.key "
_QUOTA = f"LEFT JOIN ({_sum('SUM(x.quota) AS quota, SUM(x.quota_original) AS original', 'own')}) q USING (level, key) "
_OPEN = f"""LEFT JOIN ({
    _sum(
        "COUNT(*) AS deals, SUM(x.amount) AS amount, SUM(IFNULL(x.amount, 0) <> 0) AS valued, "
        "SUM(x.expected_close_on IS NOT NULL) AS dated, SUM(x.due) AS due_deals, SUM(x.due * x.amount) AS due, "
        "SUM(x.due AND IFNULL(x.amount, 0) <> 0) AS due_valued, "
        "SUM(x.amount * r.rate) AS weighted, SUM(r.rate IS NULL) AS unrated",
        "open_now",
        "LEFT JOIN rates r ON r.stage = x.stage",
    )
}) o USING (level, key) """
_CLOSED = f"""LEFT JOIN ({
    _sum(
        "SUM(x.won) AS won, SUM(NOT x.won) AS lost, SUM(x.won * x.amount) AS won_amount, "
        "SUM((NOT x.won) * x.amount) AS lost_amount, SUM(x.won * (x.amount <> 0)) AS won_valued, "
        "SUM((NOT x.won) * (x.amount <> 0)) AS lost_valued, SUM(x.won * x.cycle) AS won_cycle, SUM(x.cycle) AS cycle, "
        "SUM(x.pushed) AS pushed, SUM(x.expected) AS expected",
        "closed",
    )
}) c USING (level, key) """
_MEDIAN = """WITH placed AS (SELECT m.level, m.key, x.cycle,
  ROW_NUMBER() OVER (PARTITION BY m.level, m.key ORDER BY x.cycle) AS place,
  COUNT(*) OVER (PARTITION BY m.level, m.key) AS size FROM members m JOIN closed x USING (rep_id) {where})
  SELECT level, key, AVG(cycle) FROM placed WHERE place IN ((size + 1) / 2, (size + 2) / 2) GROUP BY 1, 2"""
_OPEN_AMOUNT = "CASE WHEN IFNULL(o.deals, 0) = 0 THEN 0.0 WHEN o.valued > 0 THEN o.amount END"
_DUE = "CASE WHEN IFNULL(o.due_deals, 0) = 0 THEN 0.0 WHEN o.due_valued > 0 THEN o.due END"
_WEIGHTED = f"CASE WHEN IFNULL(o.unrated, 0) = 0 AND ({_OPEN_AMOUNT}) IS NOT NULL THEN IFNULL(o.weighted, 0.0) END"
_WON = "CASE WHEN IFNULL(c.won, 0) = 0 THEN 0.0 WHEN c.won_valued > 0 THEN c.won_amount END"
_LOST = "CASE WHEN IFNULL(c.lost, 0) = 0 THEN 0.0 WHEN c.lost_valued > 0 THEN c.lost_amount END"
_B = "IFNULL(b.amount, 0.0)"
_Q = "NULLIF(q.quota, 0.0)"


def _base(what: str, *joins: str) -> str:
    return _BASE.format(what=what) + "".join(joins)


def _span(first: str, last: str) -> str:
    """Bookings of each key between two named days."""
    condition = f"WHERE x.event_on BETWEEN :{first} AND :{last} AND (m.level = 'rep' OR x.kind = 'revenue')"
    return f"LEFT JOIN ({_sum('SUM(x.amount) AS amount', 'bookings', condition)}) s USING (level, key) "


_FIRST_COMMITS = """SELECT f.rep_id, f.amount AS commit_amount, IFNULL(a.amount, 0) AS actual,
   IFNULL(n.amount, 0) AS naive, v.amount AS override FROM {commit} f
   LEFT JOIN {override} v ON v.rep_id = f.rep_id
   LEFT JOIN (SELECT rep_id, SUM(amount) AS amount FROM bookings WHERE event_on BETWEEN :start AND :end GROUP BY 1) a
     ON a.rep_id = f.rep_id
   LEFT JOIN (SELECT rep_id, SUM(amount) AS amount FROM bookings
     WHERE event_on BETWEEN :prior_start AND :prior_end_whole GROUP BY 1) n ON n.rep_id = f.rep_id"""


def _first(kind: str) -> str:
    return f"""(SELECT rep_id, amount FROM (
      SELECT s.*, ROW_NUMBER() OVER (PARTITION BY rep_id ORDER BY submitted_at, amount) AS place FROM submissions s
      WHERE kind = '{kind}' AND period = :period AND date(submitted_at) <= :end
      AND :as_of >= :end)
      WHERE place = 1)"""


_SUBMITTED = "(" + _FIRST_COMMITS.format(commit=_first("commit"), override=_first("manager_override")) + ")"

SQL = {
    "bookings": _base(_B, _BOOKED),
    "quota_in_force": _base(_Q, _QUOTA),
    "quota_attainment": _base(f"{_B} / {_Q}", _BOOKED, _QUOTA),
    "team_attainment": _base(f"{_B} / {_Q}", _BOOKED, _QUOTA),
    "quota_attainment_original": _base(f"{_B} / NULLIF(q.original, 0.0)", _BOOKED, _QUOTA),
    "quota_attainment_prorated": _base(
        f"{_B} / ({_Q} * NULLIF(e.exposure, 0))", _BOOKED, _QUOTA, "LEFT JOIN employed e ON e.rep_id = k.key "
    ),
    "share_at_quota": _sum(
        "CAST(SUM(x.booked >= x.quota AND x.quota > 0) AS REAL) / NULLIF(SUM(x.quota > 0), 0)", "own"
    ),
    "linear_pace": _base(f"{_B} * :total / NULLIF(:elapsed, 0)", _BOOKED),
    "seasonal_pace": _base(f"{_B} / :usual_share", _BOOKED),
    "required_daily_rate": _base(f"({_Q} - {_B}) / NULLIF(:total - :elapsed, 0)", _BOOKED, _QUOTA),
    "pace_gap": _base(f"({_Q} - {_B}) / NULLIF(:total - :elapsed, 0) - {_B} / NULLIF(:elapsed, 0)", _BOOKED, _QUOTA),
    "bookings_linearity": _base(
        f"CASE WHEN :last = :end AND {_B} > 0 THEN IFNULL(s.amount, 0.0) / {_B} END",
        _BOOKED,
        _span("last_month", "end"),
    ),
    "open_pipeline": _base(_OPEN_AMOUNT, _OPEN),
    "weighted_pipeline": _base(_WEIGHTED, _OPEN),
    "pipeline_coverage_total": _base(f"({_OPEN_AMOUNT}) / {_Q}", _OPEN, _QUOTA),
    "pipeline_coverage_remaining": _base(
        f"CASE WHEN q.quota > 0 AND q.quota > {_B} THEN ({_OPEN_AMOUNT}) / (q.quota - {_B}) END", _OPEN, _QUOTA, _BOOKED
    ),
    "pipeline_coverage_in_period": _base(
        f"CASE WHEN IFNULL(o.deals, 0) = 0 OR o.dated > 0 THEN ({_DUE}) / {_Q} END", _OPEN, _QUOTA
    ),
    "pipeline_coverage_weighted": _base(f"({_WEIGHTED}) / {_Q}", _OPEN, _QUOTA),
    "required_coverage": _base("(c.won + c.lost) / NULLIF(CAST(c.won AS REAL), 0)", _CLOSED),
    "won_deals": _base("IFNULL(c.won, 0)", _CLOSED),
    "lost_deals": _base("IFNULL(c.lost, 0)", _CLOSED),
    "won_value": _base(_WON, _CLOSED),
    "win_rate_count": _base("CAST(c.won AS REAL) / NULLIF(c.won + c.lost, 0)", _CLOSED),
    "win_rate_value": _base(f"CASE WHEN c.won + c.lost > 0 THEN ({_WON}) / (({_WON}) + ({_LOST})) END", _CLOSED),
    "win_rate_created_cohort": _sum(
        "CAST(SUM(x.mature AND x.outcome = 'won') AS REAL) / NULLIF(SUM(x.mature), 0)", "cohort"
    ),
    "average_deal_size": _base(f"({_WON}) / NULLIF(c.won, 0)", _CLOSED),
    "sales_cycle_days_mean": _base("c.won_cycle / NULLIF(c.won, 0)", _CLOSED),
    "sales_cycle_days_median": _MEDIAN.format(where="WHERE x.won"),
    "closed_cycle_days_mean": _base("c.cycle / NULLIF(c.won + c.lost, 0)", _CLOSED),
    "closed_cycle_days_median": _MEDIAN.format(where=""),
    "sales_velocity": _base(
        f"IFNULL(o.deals, 0) * (({_WON}) / NULLIF(c.won, 0)) * (CAST(c.won AS REAL) / (c.won + c.lost)) "
        "/ NULLIF(c.won_cycle / NULLIF(c.won, 0), 0)",
        _OPEN,
        _CLOSED,
    ),
    "pipeline_created": _base(
        "CASE WHEN IFNULL(x.deals, 0) = 0 THEN 0.0 WHEN x.valued > 0 THEN x.amount END",
        "LEFT JOIN ("
        + _sum("COUNT(*) AS deals, COUNT(x.first_amount) AS valued, SUM(x.first_amount) AS amount", "created")
        + ") x USING (level, key)",
    ),
    "push_rate_of_forecasted": _sum("CAST(SUM(x.pushed) AS REAL) / COUNT(*)", "forecast"),
    "push_rate_of_closed": _base("CAST(c.pushed AS REAL) / NULLIF(c.expected, 0)", _CLOSED),
    "slip_rate": _sum("CASE WHEN :as_of >= :end THEN CAST(SUM(x.not_won) AS REAL) / COUNT(*) END", "forecast"),
    "activity_rate": _base(
        "IFNULL(a.done, 0.0) / NULLIF(CAST(e.days AS REAL), 0)",
        "LEFT JOIN ("
        + _sum("COUNT(*) AS done", "activities", "WHERE date(x.occurred_at) BETWEEN :start AND :last")
        + ") a USING (level, key) ",
        f"LEFT JOIN ({_sum('SUM(x.days) AS days', 'employed')}) e USING (level, key) ",
    ),
    "ramp_days": _sum("SUM(x.days) / NULLIF(COUNT(x.days), 0)", "ramp"),
    "revenue_growth_rate": _base(
        f"CASE WHEN :has_prior AND s.amount > 0 THEN ({_B} - s.amount) / CAST(s.amount AS REAL) END",
        _BOOKED,
        _span("prior_start", "prior_end"),
    ),
    "revenue_growth_rate_year_over_year": _base(
        f"CASE WHEN :has_year AND s.amount > 0 THEN ({_B} - s.amount) / CAST(s.amount AS REAL) END",
        _BOOKED,
        _span("year_start", "year_end"),
    ),
    "sales_and_marketing_spend": "SELECT level, key, amount FROM spent",
    **{
        f"spend_without_{level}": "SELECT 'organisation', 'organisation', s.amount - IFNULL((SELECT SUM(amount) "
        f"FROM named WHERE level = '{level}'), 0.0) FROM spent s WHERE s.level = 'organisation'"
        for level in ("team", "region", "segment")
    },
    "customer_acquisition_cost": "SELECT s.level, s.key, s.amount / NULLIF(n.customers, 0.0) "
    "FROM spent s LEFT JOIN won_customers n USING (level, key)",
    "cac_payback_months": "SELECT s.level, s.key, CASE WHEN n.customers > 0 THEN "
    f"s.amount / NULLIF(n.amount / 12.0 * {MARGIN}, 0.0) END FROM spent s LEFT JOIN won_customers n USING (level, key)",
    "forecast_bias": _sum(
        "CASE WHEN SUM(x.actual) > 0 THEN CAST(SUM(x.commit_amount - x.actual) AS REAL) / SUM(x.actual) END", _SUBMITTED
    ),
    "forecast_accuracy": _sum(
        "CASE WHEN SUM(x.actual) > 0 THEN 1 - CAST(SUM(ABS(x.commit_amount - x.actual)) AS REAL) / SUM(x.actual) END",
        _SUBMITTED,
    ),
    "forecast_value_added": _sum(
        "CASE WHEN :has_prior AND SUM(x.actual) > 0 THEN (SUM(ABS(x.naive - x.actual)) - SUM(ABS(x.commit_amount - "
        "x.actual))) / CAST(SUM(x.actual) AS REAL) END",
        _SUBMITTED,
    ),
    "forecast_value_added_of_override": _sum(
        "CASE WHEN SUM(x.actual) > 0 THEN (SUM(ABS(x.commit_amount - x.actual)) - SUM(ABS(x.override - x.actual))) "
        "/ CAST(SUM(x.actual) AS REAL) END",
        _SUBMITTED,
        "WHERE x.override IS NOT NULL",
    ),
}
"""One query a metric; gives (level, key, value). A key without a row has no value."""

WATERFALL = """
WITH deals AS (
  SELECT l.opportunity_id, l.outcome, CASE l.outcome WHEN 'open' THEN l.rep_id ELSE l.closer END AS rep_id,
    l.outcome = 'open' AND l.expected_close_on BETWEEN :start AND :end AND l.alive AS stays,
    l.outcome = 'won' AND l.closed_on > :eve AS wins, l.outcome = 'lost' AND l.closed_on > :eve AS loses,
    e.n IS NULL AS created, e.outcome = 'open' AS began,
    CASE WHEN l.outcome = 'lost' THEN IFNULL(l.open_amount, IFNULL(l.amount, 0)) ELSE IFNULL(l.amount, 0) END
      AS leaving,
    IFNULL(l.open_expected BETWEEN :start AND :end, 0) AS lost_here,
    e.alive AND e.expected_close_on BETWEEN :start AND :end AS due_before, IFNULL(e.amount, 0) AS amount_before,
    f.expected_close_on BETWEEN :start AND :end AS due_first, IFNULL(f.amount, 0) AS amount_first
  FROM at_last l LEFT JOIN at_eve e USING (opportunity_id)
  JOIN ledger f ON f.opportunity_id = l.opportunity_id AND f.n = 0
), journeys AS (
  SELECT *, CASE WHEN created THEN IFNULL(due_first, 0) WHEN began THEN IFNULL(due_before, 0)
                 ELSE stays OR wins OR loses END AS due,
    CASE WHEN created THEN amount_first WHEN began THEN amount_before ELSE leaving END AS entering
  FROM deals WHERE outcome = 'open' OR wins OR loses
), parts AS (
  SELECT rep_id, entering <> 0 OR leaving <> 0 AS valued,
    CASE WHEN due AND began THEN entering ELSE 0 END AS start,
    CASE WHEN due AND IFNULL(began, 0) = 0 THEN entering ELSE 0 END AS new,
    CASE WHEN NOT due THEN entering ELSE 0 END AS pulled_in,
    CASE WHEN NOT IFNULL(stays, 0) AND NOT wins AND NOT loses THEN leaving ELSE 0 END AS pushed_out,
    CASE WHEN loses THEN leaving ELSE 0 END AS lost, CASE WHEN wins THEN leaving ELSE 0 END AS won,
    leaving - entering AS amount_changes, CASE WHEN stays THEN leaving ELSE 0 END AS end
  FROM journeys WHERE due OR stays OR wins OR (loses AND lost_here)
)
SELECT m.level, m.key, {what} FROM members m JOIN parts x USING (rep_id) GROUP BY 1, 2
"""

WATERFALL_PARTS = ("start", "new", "pulled_in", "pushed_out", "lost", "won", "amount_changes", "end")
for _part in WATERFALL_PARTS:
    SQL[f"pipeline_waterfall_{_part}"] = _base(
        "CASE WHEN x.valued IS NULL THEN 0.0 WHEN x.valued > 0 THEN x.amount END",
        "LEFT JOIN ("
        + WATERFALL.format(what=f'SUM(x.valued) AS valued, SUM(x."{_part}") AS amount')
        + ") x USING (level, key)",
    )


ACQUIRED = """
CREATE TABLE leads AS
SELECT team, key FROM (
  SELECT p.team, m.key, COUNT(*) AS below,
    (SELECT COUNT(*) FROM members a WHERE a.level = 'team' AND a.key = m.key) AS size
  FROM members m JOIN people p USING (rep_id) WHERE m.level = 'team' AND p.team IS NOT NULL AND p.hired_on <= :last
    AND IFNULL(p.left_on, :start) >= :start GROUP BY 1, 2
) x WHERE below = (SELECT COUNT(*) FROM people q WHERE q.team = x.team AND q.hired_on <= :last
                   AND IFNULL(q.left_on, :start) >= :start)
GROUP BY team HAVING size = MIN(size);
CREATE TABLE named AS
SELECT 'region' AS level, region AS key, SUM(amount) AS amount FROM spend
WHERE spent_on BETWEEN :start AND :last AND region IN (SELECT region FROM people) GROUP BY 2
UNION ALL SELECT 'segment', segment, SUM(amount) FROM spend
WHERE spent_on BETWEEN :start AND :last AND segment IN (SELECT segment FROM people) GROUP BY 2
UNION ALL SELECT 'team', l.key, SUM(amount) FROM spend s JOIN leads l USING (team)
WHERE s.spent_on BETWEEN :start AND :last GROUP BY 2;
CREATE TABLE spent AS
SELECT * FROM named WHERE level <> 'team'
UNION ALL SELECT 'team', m.key, SUM(n.amount) FROM named n JOIN members m ON m.level = 'team' AND m.rep_id = n.key
WHERE n.level = 'team' GROUP BY 2
UNION ALL SELECT 'organisation', 'organisation', SUM(amount) FROM spend WHERE spent_on BETWEEN :start AND :last;
CREATE TABLE won_customers AS
SELECT m.level, m.key, COUNT(*) AS customers, SUM(c.amount) AS amount FROM members m JOIN (
  SELECT s.closer, s.closed_on, s.amount, o.kind, ROW_NUMBER() OVER (
    PARTITION BY IFNULL(o.account_id, s.opportunity_id) ORDER BY s.closed_on, s.opportunity_id) AS place
  FROM at_last s JOIN opportunities o USING (opportunity_id) WHERE s.outcome = 'won'
) c ON c.closer = m.rep_id
WHERE c.place = 1 AND c.closed_on >= :start AND IFNULL(c.kind, 'new') = 'new' GROUP BY 1, 2
"""


class Oracle:
    """The tables in SQLite, ready to be asked as of a day about a quarter.

    Args:
        tables: Rows of the contract's tables.
        first: The quarter in which the data begin.
        period: The quarter asked about.
        as_of: Last day of records that counts.
    """

    def __init__(self, tables: dict[str, Sequence[dict[str, Any]]], first: str, period: str, as_of: date) -> None:
        self.connection = sqlite3.connect(":memory:")
        asked, begin = quarter(period), quarter(first)
        last = min(as_of, asked.end)
        known = list(_range(begin, asked))
        prior, year = asked.moved(-1), asked.moved(-4)
        self.days: dict[str, Any] = {
            "period": period,
            "start": asked.start,
            "end": asked.end,
            "last": last,
            "eve": min(asked.start - timedelta(days=1), last),
            "as_of": as_of,
            "elapsed": float(workdays(asked.start, last)),
            "total": float(workdays(asked.start, asked.end)),
            "last_month": date(asked.end.year, asked.end.month, 1),
            "prior_start": prior.start,
            "prior_end": asked.point(last, prior),
            "prior_end_whole": prior.end,
            "year_start": year.start,
            "year_end": asked.point(last, year),
            "has_prior": prior in known,
            "has_year": year in known,
            "zombie": ZOMBIE_DAYS,
        }
        self.days = {name: _cell("", value) for name, value in self.days.items()}
        self._load(tables)
        self._run(LEDGER)
        self._run(BOOKINGS)
        for name in ("eve", "last", "as_of"):
            self._run(STATES.format(name=name))
        self._run(CLOSED)
        for statement in PEOPLE.split(";\n"):
            self._run(statement)
        self._employed(last)
        self._rates(asked, known, last)
        self._usual_share(asked, known, last)
        self._ramp(begin, [*known, asked], last)
        self._cohort(as_of)
        self._run(
            "CREATE TABLE created AS SELECT f.rep_id, s.first_amount FROM at_last s JOIN ledger f ON f.n = 0 AND "
            "f.opportunity_id = s.opportunity_id WHERE s.created_on BETWEEN :start AND :last"
        )
        for statement in ACQUIRED.split(";\n"):
            self._run(statement)

    def values(self, slug: str) -> dict[tuple[str, str], float | None]:
        """Value by level and key; keys without one may be missing."""
        return {(level, key): value for level, key, value in self.connection.execute(SQL[slug], self.days)}

    def _run(self, sql: str) -> None:
        self.connection.execute(sql, self.days if ":" in sql else {})

    def _load(self, tables: dict[str, Sequence[dict[str, Any]]]) -> None:
        for name, table in TABLE_BY_NAME.items():
            columns = [column.name for column in table.columns]
            extra = ["period_start", "period_end"] if name == "quotas" else []
            self.connection.execute(f"CREATE TABLE {name} ({', '.join(columns + extra)})")
            for row in tables.get(name, []):
                cells = [_cell(column.type, row.get(column.name)) for column in table.columns]
                if name == "quotas":
                    cells += [quarter(row["period"]).start.isoformat(), quarter(row["period"]).end.isoformat()]
                self.connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(cells))})", cells)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, self.days).fetchall()

    def _fill(self, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        self.connection.execute(f"CREATE TABLE {table} ({columns})")
        marks = ", ".join("?" * len(columns.split(",")))
        self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def _employed(self, last: date) -> None:
        start, end = date.fromisoformat(self.days["start"]), date.fromisoformat(self.days["end"])
        rows = []
        for rep_id, hired, left, fte in self._rows("SELECT rep_id, hired_on, left_on, fte FROM people"):
            begin = max(start, date.fromisoformat(hired))
            until = date.fromisoformat(left) if left else end
            share = workdays(begin, min(until, end)) / self.days["total"] * fte
            rows.append((rep_id, workdays(begin, min(until, last)), share))
        self._fill("employed", "rep_id, days, exposure", rows)

    def _rates(self, asked: Quarter, known: list[Quarter], last: date) -> None:
        seen: dict[str, list[int]] = {}
        for other in known:
            days = {
                "point": asked.point(last, other).isoformat(),
                "close": other.end.isoformat(),
                "zombie": ZOMBIE_DAYS,
            }
            rows = self.connection.execute(
                """SELECT a.stage, z.outcome = 'won' FROM ledger a JOIN ledger z USING (opportunity_id)
                WHERE a.n = (SELECT MAX(n) FROM ledger b WHERE b.opportunity_id = a.opportunity_id
                               AND b.event_on <= :point)
                  AND z.n = (SELECT MAX(n) FROM ledger b WHERE b.opportunity_id = a.opportunity_id
                               AND b.event_on <= :close)
                  AND a.outcome = 'open' AND julianday(:point) - julianday(a.event_on) <= :zombie""",
                days,
            )
            for stage, won in rows:
                seen.setdefault(stage, []).append(won)
        self._fill("rates", "stage, rate", [(stage, sum(won) / len(won)) for stage, won in seen.items()])

    def _usual_share(self, asked: Quarter, known: list[Quarter], last: date) -> None:
        def total(first: date, final: date) -> int:
            sql = "SELECT SUM(amount) FROM bookings WHERE kind = 'revenue' AND event_on BETWEEN ? AND ?"
            return self.connection.execute(sql, (first.isoformat(), final.isoformat())).fetchone()[0] or 0

        by_then = sum(total(other.start, asked.point(last, other)) for other in known)
        whole = sum(total(other.start, other.end) for other in known)
        share = by_then / whole if whole > 0 else None
        if self.days["elapsed"] == self.days["total"]:
            share = 1.0
        self.days["usual_share"] = share if share is None or share > 0 else None

    def _ramp(self, begin: Quarter, known: list[Quarter], last: date) -> None:
        rows: list[tuple[str, float | None]] = []
        for rep_id, hired in self._rows("SELECT rep_id, hired_on FROM people"):
            if not begin.start < date.fromisoformat(hired) <= last:
                continue
            days = None
            for one in known:
                sql = """SELECT (SELECT SUM(amount) FROM bookings WHERE rep_id = ? AND event_on BETWEEN ? AND ?),
                    (SELECT amount FROM quota WHERE rep_id = ? AND period = ?)"""
                span = (one.start.isoformat(), one.end.isoformat())
                booked, quota = self.connection.execute(sql, (rep_id, *span, rep_id, one.label)).fetchone()
                if days is None and one.end <= last and quota and (booked or 0) >= quota:
                    days = float((one.end - date.fromisoformat(hired)).days)
            rows.append((rep_id, days))
        self._fill("ramp", "rep_id, days", rows)

    def _cohort(self, as_of: date) -> None:
        cycles = sorted(
            cycle
            for (cycle,) in self._rows(
                "SELECT julianday(closed_on) - julianday(created_on) FROM at_as_of WHERE outcome <> 'open'"
            )
        )
        place = 0.9 * (len(cycles) - 1)
        low = int(place)
        high = min(low + 1, len(cycles) - 1)
        limit = cycles[low] + (cycles[high] - cycles[low]) * (place - low) if cycles else float("inf")
        rows = self._rows(
            "SELECT CASE outcome WHEN 'open' THEN rep_id ELSE closer END, outcome, created_on FROM at_as_of "
            "WHERE created_on BETWEEN :start AND :last"
        )
        cohort = [
            (rep_id, outcome, (as_of - date.fromisoformat(created)).days >= limit) for rep_id, outcome, created in rows
        ]
        self._fill("cohort", "rep_id, outcome, mature", cohort)


def _range(first: Quarter, beyond: Quarter) -> Iterator[Quarter]:
    while first.start < beyond.start:
        yield first
        first = first.moved(1)
