"""Rows as JSON text and back; the only place that knows how a stored body looks."""

import json
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

from spm_ml.hazards import Abstention
from spm_ml.predictions.batch import ModelCard
from spm_ml.predictions.rows import Driver, MetricValue, Prediction, Recommendation, TeamPrediction

Row = Prediction | TeamPrediction | Recommendation | ModelCard


def _plain(value: object) -> object:
    if isinstance(value, date):  # datetime too
        return value.isoformat()
    item = getattr(value, "item", None)  # a numpy scalar from a model's table
    if callable(item):
        return item()
    raise TypeError(f"a stored row cannot hold {type(value).__name__} {value!r}")


def encode(row: Row) -> str:
    """The row as compact JSON.

    Raises:
        ValueError: A number is not finite.
    """
    body = {field.name: getattr(row, field.name) for field in fields(row)}
    for name in ("drivers", "metrics"):
        if name in body:
            body[name] = [asdict(part) for part in body[name]]
    if body.get("abstention") is not None:
        body["abstention"] = asdict(body["abstention"])
    return json.dumps(body, default=_plain, allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def _abstention(body: dict[str, Any]) -> Abstention | None:
    return None if body["abstention"] is None else Abstention(**body["abstention"])


def _metrics(body: dict[str, Any]) -> tuple[MetricValue, ...]:
    return tuple(MetricValue(**metric) for metric in body["metrics"])


def decode_prediction(text: str) -> Prediction:
    """The prediction that `encode` wrote."""
    body = json.loads(text)
    quantiles = body["bookings_quantiles"]
    for name in ("period_start", "period_end", "as_of"):
        body[name] = date.fromisoformat(body[name])
    return Prediction(
        **body
        | {
            "bookings_quantiles": None if quantiles is None else tuple(quantiles),
            "drivers": tuple(Driver(**driver) for driver in body["drivers"]),
            "hazards": tuple(body["hazards"]),
            "abstention": _abstention(body),
            "metrics": _metrics(body),
        }
    )


def decode_team(text: str) -> TeamPrediction:
    """The team that `encode` wrote."""
    body = json.loads(text)
    return TeamPrediction(**body | {"as_of": date.fromisoformat(body["as_of"]), "metrics": _metrics(body)})


def decode_recommendation(text: str) -> Recommendation:
    """The recommendation that `encode` wrote."""
    body = json.loads(text)
    return Recommendation(
        **body | {"expires_on": date.fromisoformat(body["expires_on"]), "abstention": _abstention(body)}
    )


def decode_model_card(text: str) -> ModelCard:
    """The model card that `encode` wrote."""
    body = json.loads(text)
    tables = {name: tuple(body[name]) for name in ("value_added", "by_week", "gate")}
    return ModelCard(**body | tables | {"trained_at": datetime.fromisoformat(body["trained_at"])})
