"""Reps who could take programs, drawn at random, for the planner's tests."""

import numpy as np

from spm_ml.planning import Candidate

COSTS = (180_000, 240_000, 95_000, 310_000)


def drawn(
    reps: int = 12, programs: int = 3, *, seed: int = 0, centre: float = 0.03, team_size: int = 4, **changes: object
) -> list[Candidate]:
    """One candidate a rep and program; two shared coefficients: the level of all effects and their slope in the gap."""
    rng = np.random.default_rng(seed)
    rows = []
    for rep in range(reps):
        attainment, p_hit = float(rng.normal(0.8, 0.3)), float(rng.uniform())
        for program in range(programs):
            gap = float(rng.normal())
            row: dict[str, object] = {
                "rep_id": f"r{rep:03d}",
                "program_id": f"p{program}",
                "team": f"t{rep // team_size}",
                "effect": centre + 0.02 * gap + float(rng.normal(0, 0.01)),
                "p_positive": float(rng.choice([0.6, 0.98, 0.99])),
                "own_sd": 0.02,
                "loadings": (1.0, gap),
                "gap": gap,
                "time_lost": 0.01,
                "cost": COSTS[program % len(COSTS)],
                "attainment": attainment,
                "p_hit": p_hit,
            }
            rows.append(Candidate(**(row | changes)))  # type: ignore[arg-type]
    return rows


COVARIANCE = ((0.01**2, 0.0), (0.0, 0.005**2))
