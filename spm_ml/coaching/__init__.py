"""Who should get which program.

`rep_periods` and `programs` lay out what was known and what came of it; `skills` says who lacks what, `diagnosis` why
results are what they are, `effects` what programs have caused, `uplift` what they would do for each rep, and
`recommendation` puts it together with a plan. `evidence` keeps the log of what became of offers.
"""

from spm_ml.coaching.diagnosis import diagnose
from spm_ml.coaching.effects import estimate_effects
from spm_ml.coaching.recommendation import recommend
from spm_ml.coaching.rep_periods import RepPeriods, rep_periods
from spm_ml.coaching.skills import SkillGaps, skill_gaps
from spm_ml.coaching.uplift import Uplift, estimate_uplift

__all__ = [
    "RepPeriods",
    "SkillGaps",
    "Uplift",
    "diagnose",
    "estimate_effects",
    "estimate_uplift",
    "recommend",
    "rep_periods",
    "skill_gaps",
]
