"""Plans as files: YAML that people write, and text that is the same for equal plans."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import yaml
from pydantic import TypeAdapter

from spm_ml.compensation.plan import CompensationPlan, check_plans
from spm_ml.errors import ConfigurationError
from spm_ml.settings import Workspace
from spm_ml.yaml_file import read_yaml


def read_plans(path: Path) -> tuple[CompensationPlan, ...]:
    """Reads every plan of a YAML file (one a document) or of the YAML files of a folder.

    Raises:
        ConfigurationError: A file is unreadable, a plan is wrong (the message has its line), or plans cannot hold
            together.
    """
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    documents = [document for file in files for document in read_yaml(file)]
    plans = [CompensationPlan.parse(one.content, where=one.where, document=one) for one in documents]
    try:
        check_plans(plans)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return tuple(plans)


def plans_of(workspace: Workspace) -> tuple[CompensationPlan, ...]:
    """The plans that a workspace took over at ingest; none if none ever came.

    Raises:
        ConfigurationError: As `read_plans`.
    """
    return read_plans(workspace.comp_plans) if workspace.comp_plans.exists() else ()


def plans_text(plans: Iterable[CompensationPlan]) -> str:
    """The plans as YAML, in the order of ids and days: equal plans give equal text, and `read_plans` reads it."""
    ordered = sorted(plans, key=lambda plan: (plan.plan_id, str(plan.valid_from or "")))
    return yaml.safe_dump_all((plan.model_dump(mode="json", by_alias=True) for plan in ordered), sort_keys=False)


def plans_json(plans: Iterable[CompensationPlan]) -> str:
    """The plans as JSON, to be kept where no person reads them: equal plans in one order give equal text."""
    return _PLANS.dump_json(tuple(plans), by_alias=True, exclude_defaults=True).decode()


def plans_of_json(text: str) -> tuple[CompensationPlan, ...]:
    """Reads what `plans_json` wrote."""
    return _PLANS.validate_json(text)


_PLANS: Final = TypeAdapter(tuple[CompensationPlan, ...])
