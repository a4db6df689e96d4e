"""How far reps lie below their peers in each skill, with the error of that, on the eve of every period.

Ratings of managers, quizzes and the reps themselves, and the behaviour a skill shows in, are noisy readings of one
latent skill. `readings` standardises them, `reliability` asks how much of each is skill, and `gaps` filters them.
"""

from spm_ml.coaching.skills.gaps import NEED_FROM, SkillGaps, skill_gaps

__all__ = ["NEED_FROM", "SkillGaps", "skill_gaps"]
