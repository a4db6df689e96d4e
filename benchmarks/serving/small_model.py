"""Registers a small LightGBM model, as `mlflow models serve` takes it."""

import sys

import lightgbm
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

if __name__ == "__main__":
    columns = [f"x{number}" for number in range(32)]  # as many as features of a rep's period
    dice = np.random.default_rng(1)
    features = pd.DataFrame(dice.normal(size=(500, len(columns))), columns=columns)
    model = lightgbm.LGBMRegressor(n_estimators=50, verbose=-1, n_jobs=1).fit(features, features.sum(axis=1))
    mlflow.create_experiment("serving", artifact_location=sys.argv[1])
    mlflow.set_experiment("serving")
    mlflow.lightgbm.log_model(
        model,
        name="small",
        registered_model_name="small",
        signature=infer_signature(features, model.predict(features)),
        pip_requirements=["lightgbm", "pandas"],
    )
