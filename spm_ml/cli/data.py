"""From files to the dataset: simulate, ingest, metrics, dataset, check-leakage."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from spm_ml.cli.console import Console, on_workspace, out_option, records
from spm_ml.errors import SpmError

if TYPE_CHECKING:
    from spm_ml.history.engines import EngineName


def as_day(moment: datetime | None) -> date | None:
    """The day of a date option."""
    return moment.date() if moment is not None else None


day_option = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into.")
@click.option("--reps", type=click.IntRange(1), default=200, show_default=True, help="Quota-carrying reps.")
@click.option("--periods", type=click.IntRange(1), default=12, show_default=True, help="Finished quarters.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same files.")
@click.option("--format", "fmt", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option("--hazard", "hazards", multiple=True, help="Plant this hazard code as well, for example H10.")
@on_workspace
def simulate(
    console: Console,
    out: Path,
    reps: int,
    periods: int,
    seed: int,
    fmt: Literal["csv", "parquet"],
    hazards: tuple[str, ...],
) -> None:
    """Simulate a sales organisation whose truth is known: the contract's tables and truth/."""
    from spm_ml.simulation import simulate as run
    from spm_ml.simulation.hazards import NATURAL

    with console.step("simulate"):
        summary = run(
            out,
            reps=reps,
            periods=periods,
            seed=seed,
            fmt=fmt,
            hazards=frozenset(NATURAL) | set(hazards),
            progress=console.progress,
        )
    console.say(f"{sum(summary.rows.values()):,} rows in {len(summary.rows)} tables written to {out}")
    console.answer({"out": str(out), "rows": summary.rows})


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="DIR")
@click.option("--mapping", help="Built-in mapping (maven, salesforce, hubspot) or a YAML file.")
@click.option(
    "--organisation",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings of the organisation; taken over into the workspace.",
)
@click.option("--replace", is_flag=True, help="Also remove rows that the new files no longer hold.")
@on_workspace
def ingest(console: Console, source: Path, mapping: str | None, organisation: Path | None, replace: bool) -> None:
    """Read tables or a CRM export into the workspace; bad rows are quarantined, the same file changes nothing."""
    from spm_ml.sources import ingest as run

    with console.step("ingest"):
        report = run(
            console.workspace,
            source,
            mapping=mapping,
            organisation=organisation,
            replace=replace,
            progress=console.progress,
        )
    with console.step("derive"):
        derive(console)
    console.say(report.text())
    console.answer(report.to_json())


def derive(console: Console) -> None:
    """Derives the ledger and what follows from it once, so that no build has to."""
    from spm_ml.errors import DataError
    from spm_ml.history import SalesHistory

    with SalesHistory.open(console.workspace) as history:
        try:
            history.derive()
        except DataError as error:  # whoever reads the history is told, and may mend the settings first
            console.log(f"  not derived yet: {error}")


@click.command()
@click.option("--as-of", type=day_option, help="What was known at the end of this day; default: the newest record's.")
@click.option("--period", help="2026Q1, 2026-03, a start date, or 'all'; default: the period of the as-of day.")
@click.option(
    "--level",
    type=click.Choice(["rep", "team", "region", "segment", "organisation"]),
    default="organisation",
    show_default=True,
)
@click.option("--version", type=click.IntRange(1), help="Answer from this version of the ingested data.")
@click.option("--known-on", type=day_option, help="Answer from what had been ingested by the end of this day.")
@out_option
@on_workspace
def metrics(
    console: Console,
    as_of: datetime | None,
    period: str | None,
    level: Literal["rep", "team", "region", "segment", "organisation"],
    version: int | None,
    known_on: datetime | None,
    out: Path | None,
) -> None:
    """Print the baseline metrics; undefined ones are null with a reason."""
    from spm_ml.history import SalesHistory
    from spm_ml.incentives import closed_periods, payable_plans
    from spm_ml.metrics import METRICS
    from spm_ml.metrics.evaluate import evaluate_metrics
    from spm_ml.tables import minor_digits

    with SalesHistory.open(console.workspace, version=version, known_on=as_day(known_on)) as history:
        closed = closed_periods(console.workspace, known_on=as_day(as_of) or history.watermark)
        plans, without_pay = payable_plans(console.workspace, history, closed)
        if without_pay:
            console.log(f"note: no pay is worked out: {without_pay}")
        frame = evaluate_metrics(history, as_of=as_day(as_of), period=period, level=level, plans=plans, closed=closed)
        currency = history.organisation.currency
    money = frame["unit"].str.startswith("money")
    frame["value"] = frame["value"].where(~money, frame["value"] / 10 ** minor_digits(currency))
    labels = {metric.slug: metric.label for metric in METRICS}
    frame.insert(list(frame.columns).index("slug") + 1, "label", frame["slug"].map(labels))
    if out is None and not console.as_json and level == "organisation":
        console.say(f"{currency}, period {frame['period'].iloc[0]}, as of {frame['as_of'].iloc[0]}")
        for row in records(frame):
            shown = "–" if row["value"] is None else f"{row['value']:,.4f}".rstrip("0").rstrip(".")
            console.say(
                f"  {row['slug']:<34} {shown:>18}  {row['unit'] if row['value'] is not None else row['reason']}"
            )
        return
    console.table(frame, out=out)


@click.command()
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "postgresql", "spark"]),
    default="duckdb",
    show_default=True,
    help="Where history is added up; the dataset is the same.",
)
@click.option("--engine-url", help="PostgreSQL database or Spark master; default: SPM_ENGINE_URL.")
@click.option("--full", is_flag=True, help="Build every row, also those that newer tables leave as they are.")
@out_option
@on_workspace
def dataset(console: Console, engine: EngineName, engine_url: str | None, full: bool, out: Path | None) -> None:
    """Build the point-in-time rep-period dataset on the weekly as-of grid.

    Rows of the stored dataset that newer tables leave as they are stay; the result equals a full build, bit for bit.
    Another engine than duckdb always builds all.
    """
    from spm_ml.dataset import RepPeriodDataset, refresh_dataset
    from spm_ml.dataset.selection import stored_columns, stored_description
    from spm_ml.history import SalesHistory
    from spm_ml.history.engines import engine_named

    chosen = engine_named(engine, engine_url, threads=console.workspace.organisation().threads)
    with SalesHistory.open(console.workspace, engine=chosen) as history, console.step("dataset"):
        anew = full or engine != "duckdb"
        refreshed = refresh_dataset(console.workspace, history, full=anew, progress=console.progress)
        console.log(f"  {refreshed.text()}")
    file = console.workspace.dataset_file
    said, keys = stored_description(file), stored_columns(file, ("rep_id", "period"))
    summary = {
        "rows": len(keys),
        "rows_computed": refreshed.computed,
        "reps": int(keys["rep_id"].nunique()),
        "periods": int(keys["period"].nunique()),
        "features": len(said["feature_names"]),
        "watermark": said["watermark"],
        "data_version": said["version"],
        "content_hash": said["content_hash"],
        "file": str(file),
    }
    if out is not None:
        from spm_ml.cli.console import write_table

        write_table(RepPeriodDataset.read(file, deals=False).frame, out)
        console.log(f"{len(keys)} rows written to {out} (amounts in minor units of {said['currency']})")
    for key, value in summary.items():
        console.say(f"  {key:<14} {value}")
    console.answer(summary)


@click.command(name="check-leakage")
@click.option("--days", multiple=True, type=day_option, help="As-of days to test; default: spread over the history.")
@click.option("--seed", type=int, default=0, show_default=True)
@on_workspace
def check_leakage(console: Console, days: tuple[datetime, ...], seed: int) -> None:
    """Perturb the future and certify that no feature changes, bit for bit."""
    from spm_ml.history import SalesHistory
    from spm_ml.leakage import check_leakage as run
    from spm_ml.leakage import keep_certificate
    from spm_ml.scoring import refresh_leakage

    with SalesHistory.open(console.workspace) as history, console.step("check-leakage"):
        certificate = run(history, days=tuple(day.date() for day in days) or None, seed=seed, progress=console.progress)
    keep_certificate(console.workspace, certificate)
    refresh_leakage(console.workspace)
    console.answer(certificate.to_json())
    if not certificate.passed:
        raise SpmError(f"features that read the future: {', '.join(certificate.differing)}")
    console.say(
        f"no leak: {certificate.features_checked} features bit-identical on {certificate.rows_compared:,} rows "
        f"after the future of {len(certificate.days)} days was altered, extended and deleted"
    )
