"""Forecasts in parts that add up, what stands beside them, and groups above teams."""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MEDIAN = 9  # of 19 quantiles
Body = dict[str, Any]

_BESIDE: Body = {"change": None, "deals": [], "without_largest": None, "submissions": []}
_GROUP: Body = {
    "bookings_quantiles": None,
    "mean_bookings": None,
    "p_hit": None,
    "own_quota": None,
    "p_hit_own": None,
    "parts": [],
    "change": None,
}


def upgrade() -> None:
    """Turns drivers into parts, and rows of teams into rows of groups."""
    _rewrite("predictions", ("batch_id", "rep_id", "as_of"), _with_parts)
    _rewrite("teams", ("batch_id", "manager_id", "as_of"), _as_group)
    _replace_teams(
        sa.Column("level", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("manager_id", sa.String, nullable=False),
        sa.Column("reps", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "level", "key", "as_of", name="pk_teams"),
        sa.CheckConstraint("level IN ('team', 'region', 'company')", name="ck_teams_level"),
        rows=[
            {"level": "team", "key": row["manager_id"], "label": row["manager_name"]} | row
            for row in _teams("manager_id", "manager_name")
        ],
    )


def downgrade() -> None:
    """Turns parts into drivers again; what the first store had no place for is lost."""
    op.execute("DELETE FROM teams WHERE level <> 'team'")
    _rewrite("predictions", ("batch_id", "rep_id", "as_of"), _with_drivers)
    _rewrite("teams", ("batch_id", "level", "key", "as_of"), _as_team)
    _replace_teams(
        sa.Column("manager_id", sa.String, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("manager_name", sa.String, nullable=False),
        sa.Column("reps", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "manager_id", "as_of", name="pk_teams"),
        rows=[{"manager_name": row["label"]} | row for row in _teams("manager_id", "label")],
    )


def _teams(*named: str) -> list[Body]:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in ("batch_id", "reps", "body", *named)]
    columns.append(sa.column("as_of", sa.Date))
    return [dict(row) for row in op.get_bind().execute(sa.select(*columns).select_from(sa.table("teams"))).mappings()]


def _replace_teams(*columns: sa.Column[Any] | sa.Constraint, rows: list[Body]) -> None:
    """Makes the table anew with another key: SQLite cannot change one in place."""
    op.drop_table("teams")
    table = op.create_table(
        "teams",
        sa.Column("batch_id", sa.String, nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name="fk_teams_batch_id", ondelete="CASCADE"),
    )
    if rows:
        names = table.c.keys()
        op.get_bind().execute(table.insert(), [{name: row[name] for name in names} for row in rows])


def _rewrite(name: str, key: tuple[str, ...], change: Callable[[Body], Body]) -> None:
    """Changes the body of every row, one batch at a time: a store holds hundreds of thousands."""
    connection = op.get_bind()
    table = sa.table(name, *(sa.column(column) for column in (*key, "body")))
    batches = connection.execute(sa.select(table.c.batch_id).distinct()).scalars().all()
    put = sa.update(table).where(*(table.c[column] == sa.bindparam(f"of_{column}") for column in key))
    for batch in batches:
        rows = connection.execute(sa.select(table).where(table.c.batch_id == batch)).mappings().all()
        written = [
            {f"of_{column}": row[column] for column in key} | {"body": _text(change(json.loads(row["body"])))}
            for row in rows
        ]
        connection.execute(put, written)


def _text(body: Body) -> str:
    return json.dumps(body, allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def _with_parts(body: Body) -> Body:
    """The first driver was what is booked; the others explain what was still to come, and stay with it."""
    drivers, quantiles, quota = body.pop("drivers"), body["bookings_quantiles"], body["quota"]
    if not drivers or quantiles is None:
        return body | {"parts": []} | _BESIDE
    booked = float(body["booked"])
    still = quantiles[_MEDIAN] - booked
    others = drivers[1:] if drivers[0]["label"] == "Booked so far" else drivers
    parts: tuple[tuple[str, str, float, str, list[Body]], ...] = (
        ("booked", "Booked so far", booked, "Credited in this period already.", []),
        ("still_to_come", "Still to come", still, "Forecast beyond what is booked.", others),
    )
    named = [
        {
            "slug": slug,
            "label": label,
            "amount": amount,
            "points": amount / quota if quota else None,
            "text": text,
            "drivers": inside,
        }
        for slug, label, amount, text, inside in parts
    ]
    return body | {"parts": named} | _BESIDE


def _with_drivers(body: Body) -> Body:
    drivers = [
        {"label": part["label"], "points": part["points"], "amount": round(part["amount"]), "text": part["text"]}
        for part in body.pop("parts")
    ]
    return {name: value for name, value in body.items() if name not in _BESIDE} | {"drivers": drivers}


def _as_group(body: Body) -> Body:
    return body | {"level": "team", "key": body["manager_id"], "label": body["manager_name"]} | _GROUP


def _as_team(body: Body) -> Body:
    gone = {"level", "key", "label", "independent_range", *_GROUP}
    return {name: value for name, value in body.items() if name not in gone}
