"""Reads of what is known of the model behind a batch; it is about nobody, so everybody may know."""

from datetime import datetime

from sqlalchemy import select

from spm_ml.predictions import schema
from spm_ml.predictions.batch import ModelCard
from spm_ml.predictions.champions import Champion, champion_history
from spm_ml.predictions.data_evidence import Lineage
from spm_ml.predictions.encoding import Row, decode
from spm_ml.predictions.evidence_sections import read_section
from spm_ml.predictions.reading_coaching import CoachingReader


class ModelReader(CoachingReader):
    """The model behind the batch."""

    def model_card(self) -> ModelCard:
        """The model behind the batch."""
        cards = schema.model_cards.c
        body = self._connection.execute(select(cards.body).where(cards.batch_id == self.batch.batch_id)).scalar_one()
        return decode(ModelCard, body)

    def evidence(self, kind: type[Row]) -> Row | None:
        """A section of what speaks for and against the model; None if it was not published with the batch."""
        return read_section(self._connection, self.batch.batch_id, kind)

    def is_hindsight(self) -> bool:
        """Whether the model learnt from what came of the period that the batch forecasts, as in a look back."""
        lineage = self.evidence(Lineage)
        return lineage is not None and lineage.hindsight

    def champions(self) -> tuple[tuple[datetime, Champion], ...]:
        """Every version that was made champion with the moment (UTC), the latest first."""
        return champion_history(self._connection)
