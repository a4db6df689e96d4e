"""What is to be reached: quotas, goal."""

from __future__ import annotations

import tempfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from spm_ml.cli.console import Console, on_workspace, out_option, write_table
from spm_ml.cli.data import as_day, day_option
from spm_ml.cli.people import amount_option_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from spm_ml.predictions import ProposalHead, ProposedQuota

OPERATOR = "operator"
"""Who acts from the command line, for the audit."""


@click.command()
@click.option("--goal", callback=amount_option_value, help="What the quotas add up to; default: --share alone decides.")
@click.option("--share", type=float, default=0.6, show_default=True, help="Share of reps expected at quota.")
@click.option("--most-change", type=float, help="Most change against a rep's quota before, such as 0.25.")
@click.option(
    "--step", callback=amount_option_value, default="1000", show_default=True, help="Quotas are rounded to it."
)
@click.option(
    "--as-of", type=day_option, help="Day to plan on; a period's last day plans the next. Default: the newest."
)
@click.option(
    "--show",
    type=click.Choice(["reps", "fairness", "scenarios", "sensitivity"]),
    default="reps",
    show_default=True,
    help="Which table the screen shows.",
)
@click.option("--publish", is_flag=True, help="Store the proposal and show it on the page 'Quotas'; nothing is set.")
@click.option(
    "--proposal", type=click.IntRange(min=1), help="A published proposal by its number, in place of a new one."
)
@click.option(
    "--accept",
    is_flag=True,
    help="Take the proposal over as quotas set on its day, and its goal as the company's; data keep the old ones.",
)
@out_option
@on_workspace
def quotas(
    console: Console,
    goal: Decimal | None,
    share: float,
    most_change: float | None,
    step: Decimal,
    as_of: datetime | None,
    show: Literal["reps", "fairness", "scenarios", "sensitivity"],
    publish: bool,
    proposal: int | None,
    accept: bool,
    out: Path | None,
) -> None:
    """Propose quotas that are equally hard for everybody by the champion's forecast, and add up to a goal.

    --out writes the table `quotas` of the data contract.
    """
    if proposal is not None:
        _published(console, proposal, accept=accept, out=out)
        return
    from spm_ml.history import SalesHistory
    from spm_ml.predictions import PredictionStore
    from spm_ml.registry import Registry
    from spm_ml.scoring import QuotaLimits, ScoringModel, as_published, propose_quotas
    from spm_ml.tables import minor_digits

    currency = console.workspace.organisation().currency
    units = 10 ** minor_digits(currency)
    limits = QuotaLimits(
        goal=None if goal is None else _minor(goal, currency),
        share=share,
        most_change=most_change,
        step=_minor(step, currency),
    )
    model, kept = ScoringModel.champion(Registry(console.workspace)), publish or accept
    with SalesHistory.open(console.workspace) as history, console.step("quotas"):
        found = propose_quotas(
            history, model.forecaster, limits, as_of=as_day(as_of), with_reasons=kept, progress=console.progress
        )
        new = as_published(found, limits, history, model.version, actor=OPERATOR) if kept else None
    if found.unforecast:
        others = f"{len(found.unforecast)} people, such as {found.unforecast[0]}"
        console.log(f"note: nothing is forecast for {others}: their quotas are set by hand and not part of the sum")
    total = int(found.rows["quota"].sum())
    console.log(
        f"{found.period}, as known on {found.as_of}: {len(found.rows)} quotas of {total / units:,.0f} "
        f"{found.currency} in all; {found.share:.0%} of the reps are expected to reach theirs, and all together book "
        f"that much with a chance of {found.company_chance:.0%}"
    )
    if out is not None:
        write_table(found.as_table(), out)
        console.log(f"{len(found.rows)} quotas written to {out}")
    tables = {
        "reps": found.rows,
        "fairness": found.fairness(),
        "scenarios": found.scenarios,
        "sensitivity": found.sensitivity,
    }
    shown = tables[show]
    money = [name for name in ("before", "quota", "p50", "total") if name in shown]
    console.table(shown.assign(**{name: shown[name] / units for name in money}), out=None, most=500)
    if new is not None:
        with PredictionStore.of(console.workspace) as store:
            proposal_id = store.quota_proposals.publish(new)
        console.log(
            f"published as proposal {proposal_id}; 'spm quotas --proposal {proposal_id} --accept' takes it over"
        )
        if accept:
            _accept(console, proposal_id)


def _published(console: Console, proposal_id: int, *, accept: bool, out: Path | None) -> None:
    """Shows a stored proposal, writes it as a table, and takes it over if asked."""
    import pandas as pd

    from spm_ml.predictions import PredictionStore

    with PredictionStore.of(console.workspace) as store:
        head, rows = store.quota_proposals.read(proposal_id)
    units = 10**head.minor_digits
    state = f"accepted on {head.accepted_at:%Y-%m-%d}" if head.accepted_at else "not accepted"
    console.log(
        f"proposal {proposal_id} for {head.period}, as known on {head.as_of}: {len(rows)} quotas of "
        f"{sum(row.quota for row in rows) / units:,.0f} {head.currency} in all; {state}"
    )
    if out is not None:
        write_table(_table(head, rows), out)
        console.log(f"{len(rows)} quotas written to {out}")
    columns = ["rep_id", "role", "before", "quota", "chance_before", "chance"]
    shown = pd.DataFrame([[getattr(row, name) for name in columns] for row in rows], columns=columns)
    shown = shown.assign(**{name: shown[name].astype(float) / units for name in ("before", "quota")})
    console.table(shown, out=None, most=500)
    if accept:
        _accept(console, proposal_id)


def _accept(console: Console, proposal_id: int) -> None:
    """The quotas become data as any other table does, then the goal and the acceptance are put on record.

    Whatever ends it in between, the same command completes it: the same quotas make no second version.
    """
    from spm_ml.history import SalesHistory
    from spm_ml.predictions import NewGoal, PredictionStore
    from spm_ml.scoring import require_newest
    from spm_ml.sources import ingest

    with PredictionStore.of(console.workspace) as store:
        head, rows = store.quota_proposals.read(proposal_id)
        with SalesHistory.open(console.workspace) as history:
            require_newest(history, head, rows)
        with tempfile.TemporaryDirectory() as folder, console.step("accept"):
            _table(head, rows).to_csv(Path(folder, "quotas.csv"), index=False)
            report = ingest(console.workspace, Path(folder), progress=console.progress)
        console.log(report.text())
        with SalesHistory.open(console.workspace) as history:
            version = history.version
        goal = NewGoal(
            period=head.period,
            amount=head.terms.goal or sum(row.quota for row in rows),
            currency=head.currency,
            minor_digits=head.minor_digits,
            reason=f"quota proposal {proposal_id}",
            actor=OPERATOR,
            proposal_id=proposal_id,
            data_version=version,
        )
        new = store.goals.set(goal)
    console.log(f"proposal {proposal_id} is accepted" if new else f"proposal {proposal_id} was accepted before")


def _table(head: ProposalHead, rows: Sequence[ProposedQuota]) -> pd.DataFrame:
    """A stored proposal as rows of the contract's table `quotas`."""
    import pandas as pd

    units = 10**head.minor_digits
    return pd.DataFrame(
        {
            "rep_id": [row.rep_id for row in rows],
            "period": head.period,
            "amount": [row.quota / units for row in rows],
            "currency": head.currency,
            "set_on": head.as_of,
        }
    )


def _minor(amount: Decimal, currency: str) -> int:
    """An amount above 0 in minor units.

    Raises:
        BadParameter: It is none.
    """
    from spm_ml.tables import minor_digits

    minor = amount.scaleb(minor_digits(currency))
    if minor != int(minor) or minor <= 0:
        raise click.BadParameter(f"{amount} is no amount above 0 in {currency}")
    return int(minor)


@click.command()
@click.argument("period")
@click.argument("amount", callback=amount_option_value, required=False)
@click.option("--because", default="", help="Why; whoever sees the goal may read it.")
@on_workspace
def goal(console: Console, period: str, amount: Decimal | None, because: str) -> None:
    """Put on record what the company is to book in PERIOD, or without AMOUNT, show every goal that was set for it.

    Objectives are held against the newest; `spm quotas --accept` sets it with the quotas that add up to it.
    """
    import pandas as pd

    from spm_ml.fiscal import FiscalCalendar
    from spm_ml.predictions import NewGoal, PredictionStore
    from spm_ml.tables import minor_digits

    organisation = console.workspace.organisation()
    label = FiscalCalendar(organisation.fiscal, organisation.timezone).parse(period).label
    digits = minor_digits(organisation.currency)
    with PredictionStore.of(console.workspace) as store:
        if amount is not None:
            minor = _minor(amount, organisation.currency)
            new = store.goals.set(NewGoal(label, minor, organisation.currency, digits, because.strip(), OPERATOR))
            console.log(
                f"{label}: {amount:,} {organisation.currency} {'is the goal' if new else 'was the goal before'}"
            )
        history = store.goals.history(label)
    columns = ["period", "set_at", "amount", "currency", "proposal", "reason", "by"]
    rows = [
        (
            one.goal.period,
            f"{one.set_at:%Y-%m-%d %H:%M}",
            one.goal.amount / 10**one.goal.minor_digits,
            one.goal.currency,
            one.goal.proposal_id,
            one.goal.reason,
            one.goal.actor,
        )
        for one in history
    ]
    console.table(pd.DataFrame(rows, columns=columns).astype(object), out=None)
