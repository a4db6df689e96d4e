"""What programs have caused so far, beside what a naive reading would say.

`panel` and `covariates` lay out who could be sent, who was and what was known; `trials` learns who gets sent
(`nuisances`) and estimates (`aipw`); `readings` holds every outcome once for all programs; `checks` (`permutation`,
`confounding`), `event_study` and `naive` say how far to believe it; `findings` puts it together.
"""

from spm_ml.coaching.effects.aipw import Estimate, aipw
from spm_ml.coaching.effects.event_study import PLACEBO_PERIODS
from spm_ml.coaching.effects.findings import estimate_effects

__all__ = ["PLACEBO_PERIODS", "Estimate", "aipw", "estimate_effects"]
