"""A sales organisation with known truth: deals, quotas, programs and data hazards, and the oracle that knows them."""

from spm_ml.simulation.simulate import SimulationSummary, simulate

__all__ = ["SimulationSummary", "simulate"]
