"""PayoutSnapshots: payouts as they were worked out; a later change stands beside the old one."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from spm_ml.compensation.trace import Payout
from spm_ml.errors import DataError


@dataclass(frozen=True)
class Snapshot:
    """A payout as it stood once.

    Attributes:
        number: 1 for the first of its rep and period.
        payout: The result.
    """

    number: int
    payout: Payout


@dataclass(frozen=True)
class PayoutSnapshots:
    """Every payout ever recorded, in order; nothing is changed or removed.

    Attributes:
        snapshots: In the order of recording.
    """

    snapshots: tuple[Snapshot, ...] = ()

    def record(self, payout: Payout) -> Self:
        """Adds the payout beside the older ones of its rep and period; one equal to the latest adds nothing."""
        known = self.of(payout.rep_id, payout.period)
        if known and known[-1].payout == payout:
            return self
        return type(self)((*self.snapshots, Snapshot(len(known) + 1, payout)))

    def of(self, rep_id: str, period: str) -> tuple[Snapshot, ...]:
        """All snapshots of one rep and period, oldest first."""
        return tuple(
            snapshot
            for snapshot in self.snapshots
            if snapshot.payout.rep_id == rep_id and snapshot.payout.period == period
        )

    def earlier(self, rep_id: str, before: date) -> tuple[Payout, ...]:
        """The latest payout of each period of the rep that starts before the day, as `payout` wants them."""
        latest = {
            snapshot.payout.period_start: snapshot.payout
            for snapshot in self.snapshots
            if snapshot.payout.rep_id == rep_id and snapshot.payout.period_start < before
        }
        return tuple(latest[start] for start in sorted(latest))

    def write(self, path: Path) -> None:
        """Writes all snapshots as JSON."""
        path.write_bytes(_ADAPTER.dump_json(self.snapshots, indent=1))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote.

        Raises:
            DataError: The file is not readable as snapshots.
        """
        try:
            return cls(_ADAPTER.validate_json(path.read_bytes()))
        except (OSError, ValidationError) as error:
            raise DataError(f"{path} holds no payout snapshots: {error}") from error


_ADAPTER = TypeAdapter(tuple[Snapshot, ...])
