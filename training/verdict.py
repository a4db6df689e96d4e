"""What the gate found: tests with numbers, each of which a person can check."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class GateTest:
    """One test of the gate.

    Attributes:
        test: Slug.
        passed: Whether the model passed it.
        value: The number that was looked at; None where there was nothing to measure.
        threshold: What it was held against; None likewise.
        detail: The same in words, with the interval.
    """

    test: str
    passed: bool
    value: float | None
    threshold: float | None
    detail: str


@dataclass(frozen=True)
class GateVerdict:
    """All tests of one forecaster."""

    forecaster: str
    tests: tuple[GateTest, ...]

    @property
    def passed(self) -> bool:
        """Whether every test was passed."""
        return all(test.passed for test in self.tests)

    @property
    def failures(self) -> tuple[GateTest, ...]:
        """The tests that were not passed."""
        return tuple(test for test in self.tests if not test.passed)

    def beside(self, test: GateTest) -> "GateVerdict":
        """The same with one more test."""
        return GateVerdict(self.forecaster, (*self.tests, test))

    def rows(self) -> tuple[dict[str, Any], ...]:
        """One mapping a test, for storing."""
        return tuple(asdict(test) for test in self.tests)

    def text(self) -> str:
        """One line a test."""
        return "\n".join(f"{'passed' if test.passed else 'FAILED'}  {test.test}: {test.detail}" for test in self.tests)
