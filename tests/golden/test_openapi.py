"""The API's description as agreed; a change of it is a decision, not an accident."""

import json
import os
from pathlib import Path

from serving.app import create_app
from serving.settings import ServingSettings

GOLDEN = Path(__file__).with_name("openapi.json")


def test_the_description_is_the_agreed_one(tmp_path: Path) -> None:
    app = create_app(ServingSettings(store=str(tmp_path / "empty.db")))
    written = json.dumps(app.openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    app.state.store.close()
    if os.environ.get("SPM_WRITE_GOLDEN") == "1":
        GOLDEN.write_text(written, encoding="utf-8")
    assert written == GOLDEN.read_text(encoding="utf-8"), (
        "the API changed: if it should, run this test with SPM_WRITE_GOLDEN=1 and read the difference"
    )
