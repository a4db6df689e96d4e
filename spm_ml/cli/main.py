"""Entry point: the group of subcommands, and what happens to errors."""

import sys
from typing import NoReturn

import click

from spm_ml import __version__
from spm_ml.cli import (
    access,
    audit,
    data,
    demo,
    digest,
    fairness,
    fetch,
    learning,
    looking_back,
    models,
    payouts,
    people,
    plans,
    program_effects,
    pulling,
    quotas,
    refresh,
    safekeeping,
    service,
    submissions,
    tenants,
    voice,
    watching,
)
from spm_ml.errors import SpmError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="spm")
def spm() -> None:
    """Forecasts quota attainment, says who is at risk and why, and recommends the program that helps."""


for _command in (
    demo.demo,
    data.simulate,
    fetch.fetch,
    data.ingest,
    pulling.pull,
    data.metrics,
    data.dataset,
    data.check_leakage,
    models.backtest,
    models.train,
    models.promote,
    models.score,
    models.drift,
    refresh.refresh,
    watching.watch,
    looking_back.replay,
    people.recommend,
    program_effects.effects,
    learning.assignments,
    learning.plan_value,
    plans.plans,
    payouts.payouts,
    quotas.quotas,
    quotas.goal,
    submissions.submissions,
    voice.assessments,
    voice.pulses,
    voice.notes,
    voice.agreements,
    voice.contests,
    fairness.fairness,
    digest.digest,
    audit.audit,
    service.serve,
    safekeeping.backup,
    safekeeping.restore,
    service.migrate,
    access.access,
    tenants.tenants,
):
    spm.add_command(_command)


def main() -> None:
    """Runs `spm`; exits with 0 when done, 1 when it failed with a message, 2 on wrong usage."""
    try:
        spm.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except SpmError as error:
        click.echo(f"spm: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"spm: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        _stopped()
    except RuntimeError as error:
        if "Query interrupted" not in str(error):  # what DuckDB makes of Ctrl-C while it computes
            raise
        _stopped()


def _stopped() -> NoReturn:
    click.echo("spm: stopped; nothing half done was kept, run the same command again to go on", err=True)
    sys.exit(1)
