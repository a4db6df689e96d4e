"""Every column of a rep-period dataset computed anew, row by row, the slow and plain way: what the builder must equal.

It shares no code with the builder: for each as-of day it takes the records known by then and looks at them.
"""

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from math import isnan, nan
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory

DAY = timedelta(days=1)
Record = dict[str, Any]


def _records(table: Any) -> list[Record]:
    return [
        {name: (None if isinstance(value, float) and isnan(value) else value) for name, value in row.items()}
        for row in table.to_pyarrow().to_pylist()
    ]


def divide(part: float | None, whole: float | None) -> float:
    """NaN where the denominator is not positive or anything is unknown."""
    return nan if part is None or whole is None or isnan(part) or not whole > 0 else part / whole


class Oracle:
    """Looks at one history.

    Args:
        history: Its derived tables are taken as given; they have tests of their own.
    """

    def __init__(self, history: SalesHistory) -> None:
        self.history = history
        self.calendar, self.settings = history.calendar, history.organisation
        self.ledger = sorted(_records(history.ledger), key=lambda row: (row["opportunity_id"], row["event_number"]))
        self.bookings = _records(history.bookings)
        self.quotas = sorted(_records(history.quotas), key=lambda row: row["known_on"])
        self.profiles = sorted(_records(history.profiles), key=lambda row: row["valid_from"])
        self.activity = _records(history.activity) if history.has("activities") else None
        self.enrolments = _records(history.table("enrolments")) if history.has("enrolments") else None
        self.watermark = history.watermark
        firm = [
            row["recorded_on"] for row in self.ledger if not row["history_reconstructed"] or row["outcome"] != "open"
        ]
        self.begin = min(firm, default=None)
        self.activity_begin = min((row["recorded_on"] for row in self.activity or []), default=None)
        self.first_owner = {row["opportunity_id"]: row["rep_id"] for row in reversed(self.ledger)}

    def frame(self, days: list[date]) -> pd.DataFrame:
        """The dataset's rows for the as-of days, sorted as it sorts them."""
        rows = [row for day in sorted(days) for row in self.rows_on(day)]
        rows.sort(key=lambda row: (row["period_start"], row["rep_id"], row["as_of"]))
        return pd.DataFrame(rows)

    def rows_on(self, day: date) -> list[Record]:
        period = self.calendar.period_of(day + DAY)
        organisation = self._organisation(day, period)
        rows = []
        for rep_id in sorted({profile["rep_id"] for profile in self.profiles}):
            profile = self._profile(rep_id, day)
            if profile is None or profile["hired_on"] > period.end:
                continue
            if profile["left_on"] is not None and profile["left_on"] < period.start:
                continue
            if self._manages_only(rep_id, day):
                continue
            rows.append(self._row(rep_id, profile, day, period, organisation))
        return rows

    def _profile(self, rep_id: str, day: date) -> Record | None:
        known = [row for row in self.profiles if row["rep_id"] == rep_id and row["valid_from"] <= day]
        return known[-1] if known else None

    def _manages_only(self, rep_id: str, day: date) -> bool:
        past = [row for row in self.profiles if row["valid_from"] <= day]
        called = any(row["rep_id"] == rep_id and (row["role"] or "").lower() == "manager" for row in past)
        manages = called or any(row["manager_id"] == rep_id for row in past)
        own = any(row["rep_id"] == rep_id and row["recorded_on"] <= day for row in self.ledger + self.bookings)
        quota = any(row["rep_id"] == rep_id and row["known_on"] <= day for row in self.quotas)
        return manages and not own and not quota

    # -- what was known -------------------------------------------------------------------------------------------

    def _booked(self, rep_id: str | None, period: Period, day: date) -> list[Record]:
        return [
            row
            for row in self.bookings
            if (rep_id is None or row["rep_id"] == rep_id)
            and row["recorded_on"] <= day
            and period.contains(row["booked_on"])
        ]

    def _quota_versions(self, rep_id: str, period: Period, day: date) -> list[Record]:
        return [
            row
            for row in self.quotas
            if row["rep_id"] == rep_id and row["period_start"] == period.start and row["known_on"] <= day
        ]

    def _quota(self, rep_id: str, period: Period, day: date) -> float:
        versions = self._quota_versions(rep_id, period, day)
        return float(versions[-1]["amount"]) if versions else nan

    def _states(self, day: date) -> list[Record]:
        """The last known state of every deal."""
        last: dict[str, Record] = {}
        for row in self.ledger:
            if row["recorded_on"] <= day:
                last[row["opportunity_id"]] = row
        return list(last.values())

    def _fresh(self, row: Record, day: date) -> bool:
        return (day - row["recorded_on"]).days <= self.settings.zombie_after_days

    def _open(self, rep_id: str, day: date) -> list[Record]:
        return [
            row | {"amount": row["amount"] or 0}
            for row in self._states(day)
            if row["rep_id"] == rep_id and row["outcome"] == "open" and self._fresh(row, day)
        ]

    def _past_periods(self, profile: Record, period: Period) -> list[Period]:
        """Finished periods in which the rep was employed and records were kept, latest first."""
        if self.begin is None:
            return []
        hired = self._first_hired(profile["rep_id"])
        first = max(self.calendar.period_of(self.begin).start, self.calendar.period_of(hired).start)
        past, before = [], self.calendar.previous(period)
        while before.start >= first:
            past.append(before)
            before = self.calendar.previous(before)
        return past

    def _first_hired(self, rep_id: str) -> date:
        return next(row["hired_on"] for row in self.profiles if row["rep_id"] == rep_id)

    # -- one row --------------------------------------------------------------------------------------------------

    def _row(self, rep_id: str, profile: Record, day: date, period: Period, organisation: Record) -> Record:
        known = self.begin is not None and day >= self.begin
        past = self._past_periods(profile, period)
        row = self._context(rep_id, profile, day, period)
        row |= self._attainment(rep_id, row, past, day, period, known=known)
        row |= self._pipeline(rep_id, day, period) if known else defaultdict(lambda: nan)
        row |= self._flow(rep_id, day)
        row |= self._doing(rep_id, day)
        tenure = (day - profile["hired_on"]).days
        row |= {
            "tenure_days": tenure if tenure >= 0 else nan,
            "ramping": float(tenure < 180) if tenure >= 0 else nan,
            "fte": profile["fte"],
            "territory_potential": nan if profile["territory_potential"] is None else profile["territory_potential"],
            "elapsed_share": divide(row["elapsed_selling_days"], row["period_selling_days"]),
            "period_number": period.number,
        }
        row["hazards"] = self._hazards(rep_id, row, past, day, period, organisation, known=known)
        row["history_reconstructed"] = known and any(
            event["history_reconstructed"] and event["rep_id"] == rep_id and event["recorded_on"] <= day
            for event in self.ledger
        )
        return row | self._outcome(rep_id, day, period)

    def _context(self, rep_id: str, profile: Record, day: date, period: Period) -> Record:
        selling = self.calendar.selling_days(period.start, period.end)
        has_left = profile["left_on"] is not None and profile["left_on"] <= day
        last = min(profile["left_on"], period.end) if has_left else period.end
        employed = self.calendar.selling_days(max(profile["hired_on"], period.start), last)
        versions = self._quota_versions(rep_id, period, day)
        quota = self._quota(rep_id, period, day)
        abstention = "quota_missing" if isnan(quota) else "quota_zero" if quota == 0 else ""
        abstention = "left" if has_left else "not_started" if profile["hired_on"] > day else abstention
        names = ("name", "role", "team", "region", "segment", "territory", "manager_id")
        known = self.begin is not None and day >= self.begin
        booked = self._booked(rep_id, period, day) if known else []
        return {
            "rep_id": rep_id,
            "period": period.label,
            "as_of": day,
            "week": (day + DAY - period.start).days // 7,
            "period_start": period.start,
            "period_end": period.end,
            "period_selling_days": selling,
            "elapsed_selling_days": self.calendar.elapsed_selling_days(period, day),
            **{name: profile[name] for name in names},
            "booked_to_date": sum(row["amount"] for row in booked),
            "quota": quota,
            "quota_original": float(versions[0]["amount"]) if versions else nan,
            "exposure": divide(max(employed, 0), selling) * profile["fte"],
            "abstention": abstention,
        }

    def _attainment(
        self, rep_id: str, row: Record, past: list[Period], day: date, period: Period, *, known: bool
    ) -> Record:
        sums = [sum(booking["amount"] for booking in self._booked(rep_id, before, day)) for before in past]
        quotas = [self._quota(rep_id, before, day) for before in past]
        rates = [divide(total, quota) for total, quota in zip(sums, quotas, strict=True)]
        rates = [rate for rate in rates if not isnan(rate)]
        last_year = self.calendar.same_last_year(period)
        values: Record = {
            f"bookings_last_{lag}": sums[lag - 1] if len(sums) >= lag and known else nan for lag in (1, 2, 3, 4)
        }
        values["bookings_same_last_year"] = sums[past.index(last_year)] if last_year in past and known else nan
        values["bookings_mean"] = fmean(sums) if sums and known else nan
        values["bookings_std"] = stdev(sums) if len(sums) > 1 and known else nan
        values["attainment_last_1"] = divide(sums[0], quotas[0]) if sums and known else nan
        values["attainment_mean"] = fmean(rates) if rates and known else nan
        hits = [float(total >= quota) for total, quota in zip(sums, quotas, strict=True) if quota > 0]
        values["share_at_quota"] = fmean(hits) if hits and known else nan
        values["periods_of_history"] = len(past)
        values["booked_share_of_quota"] = divide(row["booked_to_date"], row["quota"])
        return values

    def _pipeline(self, rep_id: str, day: date, period: Period) -> Record:
        deals = self._open(rep_id, day)
        due = [d for d in deals if d["expected_close_on"] is not None and period.contains(d["expected_close_on"])]
        due = [d for d in due if d["expected_close_on"] >= day]
        overdue = [d for d in deals if d["expected_close_on"] is not None and d["expected_close_on"] < day]
        values: Record = {}
        for position in range(1, len(self.settings.stages) + 1):
            here = [d for d in deals if d["stage_position"] == position]
            values[f"open_amount_stage_{position}"] = sum(d["amount"] for d in here)
            values[f"open_count_stage_{position}"] = len(here)
        total = sum(d["amount"] for d in deals)
        values["open_amount"], values["open_count"] = total, len(deals)
        values["open_amount_in_period"] = sum(d["amount"] for d in due)
        values["open_count_in_period"] = len(due)
        values["open_amount_overdue"] = sum(d["amount"] for d in overdue)
        values["open_count_overdue"] = len(overdue)
        values["overdue_share"] = divide(values["open_amount_overdue"], total)
        values["largest_open_amount"] = max((d["amount"] for d in deals), default=nan)
        values["open_age_days"] = fmean((day - d["created_on"]).days for d in deals) if deals else nan
        values["open_amount_inherited"] = sum(d["amount"] for d in self._inherited(deals))
        values["aged_out_count"] = sum(
            d["rep_id"] == rep_id and d["outcome"] == "open" and not self._fresh(d, day) for d in self._states(day)
        )
        for days in (7, 28):
            before = self._open(rep_id, day - days * DAY)
            seen = self.begin is not None and day - days * DAY >= self.begin - DAY
            values[f"open_amount_change_{days}"] = total - sum(d["amount"] for d in before) if seen else nan
            values[f"open_count_change_{days}"] = len(deals) - len(before) if seen else nan
        return values

    def _inherited(self, deals: list[Record]) -> list[Record]:
        owners = self.first_owner
        return [d for d in deals if owners[d["opportunity_id"]] not in (None, d["rep_id"])]

    def _happened(self, rep_id: str, day: date, days: int) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = defaultdict(list)
        for row in self.ledger:
            if row["rep_id"] != rep_id or not day - days * DAY < row["recorded_on"] <= day:
                continue
            new, old, value = row["outcome"], row["previous_outcome"], row["amount"] or 0
            both_open = new == "open" and old == "open"
            due, due_before = row["expected_close_on"], row["previous_expected_close_on"]
            pushed = both_open and due is not None and due_before is not None and due > due_before
            stage, stage_before = row["stage_position"], row["previous_stage_position"]
            undone = old == "won" and new != "won"
            names = {
                "created": row["event_number"] == 0,
                "won": new == "won" and old != "won",
                "lost": new == "lost" and old != "lost",
                "reversed": undone,
                "pushed": pushed,
                "slipped": pushed and due > self.calendar.period_of(due_before).end,
                "advanced": both_open and stage > stage_before,
                "regressed": both_open and stage < stage_before,
                "received": both_open and row["previous_rep_id"] is not None and row["previous_rep_id"] != rep_id,
            }
            for name, true in names.items():
                if true:
                    found[name].append(row | {"value": (row["previous_amount"] or 0) if undone else value})
        return found

    def _flow(self, rep_id: str, day: date) -> Record:
        values: Record = {}
        windows = {"created": (28, 91), "won": (28,), "lost": (28,), "reversed": (91,), "pushed": (28,)}
        windows |= {"slipped": (28,), "advanced": (28,), "regressed": (28,), "received": (91,)}
        for event, lengths in windows.items():
            for days in lengths:
                rows = self._happened(rep_id, day, days)[event] if self._seen(day, days) else None
                values[f"{event}_amount_{days}"] = nan if rows is None else sum(row["value"] for row in rows)
                values[f"{event}_count_{days}"] = nan if rows is None else len(rows)
        pushed = self._happened(rep_id, day, 28)["pushed"]
        days_pushed = sum((row["expected_close_on"] - row["previous_expected_close_on"]).days for row in pushed)
        values["pushed_days_28"] = days_pushed if self._seen(day, 28) else nan
        exposed = len(self._open(rep_id, day - 28 * DAY)) + values["created_count_28"]
        values["push_rate_28"] = divide(values["pushed_count_28"], exposed)
        year = self._happened(rep_id, day, 364) if self._seen(day, 0) else defaultdict(list)
        won = year["won"]
        values["win_rate_364"] = divide(len(won), len(won) + len(year["lost"]))
        values["average_deal_364"] = divide(sum(row["value"] for row in won), len(won))
        cycles = sum((row["event_on"] - row["created_on"]).days for row in won)
        values["cycle_days_364"] = divide(cycles, len(won))
        return values

    def _seen(self, day: date, days: int) -> bool:
        """Whether the whole window lies in the time of which there are records."""
        return self.begin is not None and day - days * DAY >= self.begin - (DAY if days else 0 * DAY)

    def _doing(self, rep_id: str, day: date) -> Record:
        values: Record = {}
        begin = self.activity_begin
        known = [
            row | {"known_on": max(row["occurred_on"], row["recorded_on"])}
            for row in self.activity or []
            if row["rep_id"] == rep_id
        ]
        for days in (7, 28, 91):
            seen = begin is not None and day - days * DAY >= begin - DAY
            window = [row for row in known if day - days * DAY < row["known_on"] <= day]
            meetings = [row for row in window if row["kind"].lower() in ("meeting", "demo")]
            values[f"activity_{days}"] = len(window) if seen else nan
            values[f"meetings_{days}"] = len(meetings) if seen else nan
            if days == 28:
                on_deals = [row for row in window if row["opportunity_id"] is not None]
                values["activity_on_deals_28"] = len(on_deals) if seen else nan
        last = max((row["occurred_on"] for row in known if row["known_on"] <= day), default=None)
        values["days_since_activity"] = nan if last is None else (day - last).days
        if self.enrolments is None:
            return values | {"programs_taken": nan, "days_since_program": nan}
        done = [row["completed_on"] for row in self.enrolments if row["rep_id"] == rep_id]
        done = [completed for completed in done if completed is not None and completed <= day]
        return values | {
            "programs_taken": len(done) if any(row["started_on"] <= day for row in self.enrolments) else nan,
            "days_since_program": (day - max(done)).days if done else nan,
        }

    # -- flags and outcomes ---------------------------------------------------------------------------------------

    def _organisation(self, day: date, period: Period) -> Record:
        """Sums over all reps: bookings of finished periods and of their last fifth, changes lately."""
        late = total = 0
        reps = {row["rep_id"] for row in self.profiles if row["valid_from"] <= day}
        if self.begin is not None:
            before = self.calendar.previous(period)
            while before.start >= self.calendar.period_of(self.begin).start:
                for row in self._booked(None, before, day):
                    if row["rep_id"] in reps and before.end >= self._first_hired(row["rep_id"]):
                        total += row["amount"]
                        share = self.calendar.elapsed_selling_days(before, row["booked_on"])
                        late += (
                            row["amount"] if share > 0.8 * self.calendar.selling_days(before.start, before.end) else 0
                        )
                before = self.calendar.previous(before)
        window = self.settings.stale_after_days
        changes = [
            row for row in self.ledger if day - window * DAY < row["recorded_on"] <= day and row["rep_id"] in reps
        ]
        return {"late": late, "total": total, "silent": self._seen(day, window) and not changes}

    def _hazards(
        self,
        rep_id: str,
        row: Record,
        past: list[Period],
        day: date,
        period: Period,
        organisation: Record,
        *,
        known: bool,
    ) -> str:
        recent = [
            booking
            for booking in self.bookings
            if booking["rep_id"] == rep_id and period.start - DAY <= booking["recorded_on"] <= day
        ]
        deals = self._open(rep_id, day)
        booked = self._booked(rep_id, period, day) if known else []
        due = [
            d["amount"]
            for d in deals
            if d["expected_close_on"] and period.contains(d["expected_close_on"]) and d["expected_close_on"] >= day
        ]
        in_play = row["booked_to_date"] + sum(due)
        largest = max([0, *due, *(booking["amount"] for booking in booked)])
        versions = self._quota_versions(rep_id, period, day)
        flags = {
            "H02": known and any(b["recorded_on"] > self.calendar.period_of(b["booked_on"]).end for b in recent),
            "H03": known
            and (row["overdue_share"] >= 0.25 or (not isnan(row["push_rate_28"]) and row["push_rate_28"] >= 0.25)),
            "H04": known and bool(self._inherited(deals)),
            "H05": known and any(self._is_split(booking) for booking in recent),
            "H06": not row["quota"] > 0 or len({version["amount"] for version in versions}) > 1,
            "H07": row["ramping"] == 1 or row["exposure"] < 1,
            "H08": row["abstention"] == "left",
            "H09": self._moved(rep_id, day, period),
            "H13": known and any(booking["amount"] < 0 for booking in recent),
            "H17": known and row["aged_out_count"] > 0,
            "H18": known and in_play > 0 and largest > 0.5 * in_play,
            "H19": len(past) < self.settings.min_history_periods,
            "H24": known and organisation["total"] > 0 and organisation["late"] > 0.4 * organisation["total"],
            "H25": organisation["silent"],
        }
        return ";".join(code for code, true in flags.items() if true)

    def _is_split(self, booking: Record) -> bool:
        same = ("opportunity_id", "booked_on", "recorded_on")
        reps = {b["rep_id"] for b in self.bookings if all(b[name] == booking[name] for name in same)}
        return booking["credit"] == "overlay" or len(reps) > 1

    def _moved(self, rep_id: str, day: date, period: Period) -> bool:
        own = [row for row in self.profiles if row["rep_id"] == rep_id]
        for before, after in pairwise(own):
            differs = any(before[name] != after[name] for name in ("manager_id", "team", "territory"))
            if differs and period.start - DAY <= after["valid_from"] <= day:
                return True
        return False

    def _outcome(self, rep_id: str, day: date, period: Period) -> Record:
        left = [row["left_on"] for row in self.profiles if row["rep_id"] == rep_id and row["left_on"] is not None]
        values: Record = {
            "censored": any(period.start <= when < period.end and when <= self.watermark for when in left),
            "actual_bookings": nan,
            "actual_attainment": nan,
            "quota_final": nan,
        }
        stages = range(1, len(self.settings.stages) + 1)
        values |= {f"label_won_stage_{position}": nan for position in stages}
        if period.end > self.watermark:
            return values
        values["actual_bookings"] = sum(row["amount"] for row in self._booked(rep_id, period, self.watermark))
        values["quota_final"] = self._quota(rep_id, period, period.end)
        values["actual_attainment"] = divide(values["actual_bookings"], values["quota_final"])
        stage_of = {deal["opportunity_id"]: deal["stage_position"] for deal in self._open(rep_id, day)}
        values |= {f"label_won_stage_{position}": 0 for position in stages}
        for row in self._booked(rep_id, period, self.watermark):
            if row["recorded_on"] > day and row["opportunity_id"] in stage_of:
                values[f"label_won_stage_{stage_of[row['opportunity_id']]}"] += row["amount"]
        return values
