"""Why a rep's attainment is what it is: conditions, behaviours beside fair peers, and luck, adding up to the gap.

`sums` compares what is seen with what `fair_peers` would have, `quotas` asks what quotas allow for, `behaviours` takes
chance out by `shrinkage`, `parts` splits the gap by `lmdi`, and `verdict` says which cause decides. No protected
attribute is ever read.
"""

from spm_ml.coaching.diagnosis.diagnose import diagnose
from spm_ml.coaching.diagnosis.parts import PARTS, period_parts

__all__ = ["PARTS", "diagnose", "period_parts"]
