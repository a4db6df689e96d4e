"""Two companies on one machine that are as alike as can be: same batch id, same rep ids, other people and tokens."""

from dataclasses import dataclass, replace
from pathlib import Path

from spm_ml.predictions import PredictionStore
from spm_ml.settings import Workspace
from spm_ml.tenants import TenantFolder
from tests.prediction_world import PEOPLE, World, issue_tokens, make_world

ACME, BIRCH = "acme", "birch"


@dataclass(frozen=True)
class Tenant:
    """One of them, with what was published and a token for each principal."""

    workspace: Workspace
    world: World
    tokens: dict[str, str]


def make_tenants(root: Path) -> tuple[TenantFolder, dict[str, Tenant]]:
    """Makes both in a new folder."""
    folder = TenantFolder(root)
    return folder, {name: _make(folder, name) for name in (ACME, BIRCH)}


def _make(folder: TenantFolder, name: str) -> Tenant:
    workspace = folder.add(name)
    people = tuple(replace(person, name=f"{person.name} of {name}") for person in PEOPLE)
    world = make_world(weeks=3, people=people)
    world = replace(world, batch=replace(world.batch, organisation_name=f"Company {name}"))
    with PredictionStore.of(workspace) as store:
        world.publish_into(store)
    return Tenant(workspace, world, issue_tokens(workspace.predictions_store))
