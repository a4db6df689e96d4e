"""Who should get which program.

`recommendation` offers the program that teaches a rep's largest assessed or measured skill gap, and says that it ranks
gaps, not effects. `effects` estimates what a program has caused so far. Diagnosis, individual uplift and the planner
join them here.
"""

from spm_ml.coaching.effects import estimate_effects
from spm_ml.coaching.gaps import SkillGap, skill_gaps
from spm_ml.coaching.recommendation import recommend

__all__ = ["SkillGap", "estimate_effects", "recommend", "skill_gaps"]
