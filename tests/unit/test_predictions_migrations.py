import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from spm_ml.errors import ConfigurationError
from spm_ml.predictions import PredictionStore, migrations
from spm_ml.predictions.engine import connect, reading, writing
from spm_ml.predictions.schema import metadata
from tests.prediction_world import make_world


def test_the_scripts_make_the_tables_that_the_code_declares(tmp_path: Path) -> None:
    engine = connect(tmp_path / "a.db")
    migrations.migrate(engine)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
        assert migrations.current_revision(connection) == migrations.HEAD
    engine.dispose()


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_down_and_up_again_with_data_in_it(tmp_path: Path) -> None:
    world = make_world(weeks=1)
    with PredictionStore.open(tmp_path / "a.db") as store:
        world.publish_into(store)
    engine = connect(tmp_path / "a.db")
    with writing(engine) as connection:
        migrations.change_to(connection, "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    engine.dispose()
    with PredictionStore.open(tmp_path / "a.db") as store:
        assert store.published_batch() is None
        world.publish_into(store)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    PredictionStore.open(tmp_path / "a.db").close()
    engine = connect(tmp_path / "a.db")
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match=r"revision '9999'.*written by a newer one"):
        PredictionStore.open(tmp_path / "a.db")


def test_opening_a_migrated_store_needs_no_alembic(tmp_path: Path) -> None:
    PredictionStore.open(tmp_path / "a.db").close()
    code = (
        "import sys; from spm_ml.predictions import PredictionStore; "
        f"PredictionStore.open({str(tmp_path / 'a.db')!r}).close(); "
        "heavy = {'alembic', 'pandas', 'ibis', 'duckdb', 'mlflow', 'lightgbm', 'sklearn'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONWARNINGS": "error"})
