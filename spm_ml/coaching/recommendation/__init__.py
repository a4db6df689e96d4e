"""Who is offered which program, or why nobody: uplift, plan and diagnosis put together, in words.

`options` says what each program would do for each rep, `spread` what a hold-out has to be told apart from, `words`
why, and `recommend` runs the whole of coaching and hands on one `CoachingBatch`.
"""

from spm_ml.coaching.recommendation.recommend import recommend

__all__ = ["recommend"]
