"""What scoring would keep for what-if questions about the harbour's reps: a small model and three open deals each."""

import json
from typing import Any

import lightgbm
import numpy as np

from spm_ml.forecasting.deal_level.deal_inputs import GROUPS, DealInputs
from spm_ml.forecasting.deal_level.futures import OF_DEAL, OF_REP, FuturesModel
from spm_ml.forecasting.deal_level.winning import WinModel
from spm_ml.forecasting.recalibration import WeeklyRecalibration
from spm_ml.predictions import Prediction, WhatIfInputs
from tests.prediction_world import World


def make_what_if(world: World) -> WhatIfInputs:
    """Of every row of the board."""
    rows = [row for row in world.predictions if row.as_of == world.batch.as_of]
    return WhatIfInputs(json.dumps(_model().to_state()), {row.rep_id: _body(row) for row in rows})


def _model() -> FuturesModel:
    inputs, rng = DealInputs((), {"": 1.0}, 3), np.random.default_rng(0)
    width = inputs.design(np.zeros((1, len(GROUPS)), dtype=np.float32))[0].shape[1]
    half = {
        "inputs": inputs.to_state(),
        "mean": [0.0] * width,
        "scale": [1.0] * width,
        "weights": rng.normal(0, 0.01, width).tolist(),
        "constant": -0.2,
    }
    seen = rng.normal(size=(300, len(GROUPS)))
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 4}
    trees = lightgbm.train(settings, lightgbm.Dataset(seen, seen[:, 0] > 0), 3)
    ratios = np.linspace(0.5, 1.5, 64)
    return FuturesModel(
        WinModel.of_state({"half": half, "trees": trees.model_to_string()}),
        WeeklyRecalibration.none(),
        shares=np.linspace(0.8, 1.1, 64),
        ratios=ratios,
        shared_ratios=ratios,
        undone_ratios=ratios,
        dispersion=0.2,
        may_fall=False,
        seed=0,
    )


def _body(row: Prediction) -> str:
    quota = row.quota or 0
    deals = [
        [deal.opportunity_id, 1_000 * number + len(row.rep_id), 0.4 - number, float(deal.amount), *_seen(number)]
        for number, deal in enumerate(row.deals)
    ]
    futures: dict[str, Any] = {
        "row_keys": 7,
        "booked": float(row.booked),
        "log_counts": -0.5,
        "sizes": 0.1 * quota + 1.0,
        "shared": 0.0,
        "undone": 0.0,
        "week": row.week,
        "of_rep": [1.0] * len(OF_REP),
        "deals": deals,
    }
    known = row.bookings_quantiles is not None
    return json.dumps(
        {
            "as_of": row.as_of.isoformat(),
            "period_end": row.period_end.isoformat(),
            "quota": row.quota,
            "floor": float(row.booked),
            "abstention": row.abstention and row.abstention.reason,
            "share_left": 0.25,
            "quantiles": row.bookings_quantiles,
            "mean": row.mean_bookings,
            "p_hit": row.p_hit,
            "futures": futures if known else None,
        }
    )


def _seen(number: int) -> list[float | None]:
    known: dict[str, float | None] = dict.fromkeys(OF_DEAL, 1.0)
    return list((known | {"stage": 3.0 - number, "due_days": None if number == 2 else 1.0}).values())
