"""Groups as rows of the teams page, with and without quotas."""

from dataclasses import replace
from pathlib import Path

from bs4 import BeautifulSoup

from serving import formats
from serving.formats import Money
from serving.pages.groups import group_row
from spm_ml.predictions import PredictionStore
from tests.prediction_world import issue_tokens, make_world
from tests.web import log_in, parsed, served


def test_a_group_without_quotas_is_drawn_in_amounts() -> None:
    world = make_world(weeks=3)
    with_quota = next(group for group in world.teams if group.level == "company")
    money = Money.of(world.batch)
    group = replace(with_quota, quota=None, own_quota=None, p_hit=None, reps_at_risk=0)
    widest = group.quantile(0.9)
    assert widest is not None
    row = group_row(group, "company0", money, None, widest)
    assert (row.at_risk, row.quota, row.attainment, row.chance) == (
        formats.NOTHING,
        formats.NOTHING,
        "",
        formats.NOTHING,
    )
    assert row.chart is not None
    picture = BeautifulSoup(row.chart, "html.parser")
    assert picture.find(class_="target") is None
    assert picture.find("path", class_="beyond") is None
    assert money.full(widest) in picture.desc.get_text()
    assert "quota" not in picture.desc.get_text()


def test_the_caption_says_in_what_changes_are_counted(tmp_path: Path) -> None:
    world = make_world(weeks=3)
    bare = tuple(replace(group, quota=None, own_quota=None, p_hit=None, p_hit_own=None) for group in world.teams)
    some = tuple(
        group if group.level == "company" else without for group, without in zip(world.teams, bare, strict=True)
    )
    for number, (teams, words) in enumerate(
        ((world.teams, "change in points since"), (some, "points, amounts where no quota"), (bare, "change in amounts"))
    ):
        path = tmp_path / f"{number}.db"
        with PredictionStore.open(path) as store:
            replace(world, teams=teams).publish_into(store)
        with served(path) as client:
            log_in(client, issue_tokens(path)["vp"])
            assert words in parsed(client.get("/teams")).caption.get_text()
