"""Triggers that keep rows from being changed or deleted, as the revisions from 0004 on set and lift them."""

from alembic import op


def protect(table: str, *, kept: str = "") -> None:
    """Keeps rows from being changed or deleted; with a condition, only those that meet it from being deleted."""
    if op.get_bind().dialect.name == "postgresql":
        whole = "UPDATE OR TRUNCATE" if kept else "UPDATE OR DELETE OR TRUNCATE"
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {whole} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        if kept:
            op.execute(
                f"CREATE OR REPLACE FUNCTION refuse_kept_{table}() RETURNS trigger AS "
                f"$$ BEGIN IF {kept} THEN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END IF; "
                "RETURN OLD; END $$ LANGUAGE plpgsql"
            )
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION refuse_kept_{table}()"
            )
        return
    for change in ("UPDATE", "DELETE"):
        when = f"WHEN {kept} " if kept and change == "DELETE" else ""
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def unprotect(table: str, *, kept: bool = False) -> None:
    """Takes its triggers away, to be made anew."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    names = (("append_only", "kept") if kept else ("append_only",)) if postgresql else ("no_update", "no_delete")
    for name in names:
        op.execute(f"DROP TRIGGER {table}_{name}" + (f" ON {table}" if postgresql else ""))
