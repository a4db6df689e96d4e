"""The metric catalogue as a page of the docs, written from METRICS: `python -m spm_ml.metrics.catalogue_page FILE`."""

import sys
from pathlib import Path
from typing import Final

from spm_ml.metrics import GROUPS, NULL_REASONS, Metric

_HEAD: Final = """\
# Baseline metrics

Generated from `spm_ml/metrics/` by `make docs`.

One definition serves `spm metrics`, the API, the pages and the notebooks. Where the field disagrees, the variant is
part of the name. Sums over a team or the organisation are taken before the ratio, never means of ratios. Undefined is
null with a reason, never 0 and never infinity.

* **As-of day**: everything recorded after its end is hidden. A period that is over is read at its end, with all that
  was known on the as-of day.
* **Event day**: a close counts on the day it took effect, also when it was entered later.
* **Levels**: a team is a manager and everybody below, a region or segment everybody whose profile names it, as of the
  day; who names none is in `not stated`. A quota that a manager carries is added to those of the team, so give managers
  only quotas of their own. Bookings of all levels but the rep's are revenue shares only; a rep's include overlay
  credit.
* **Days** of pace are selling days of the fiscal calendar; days of cycles are calendar days.
* **Zombies** (H17): an open deal without a recorded change for `zombie_after_days` (organisation.yaml, 180 by default)
  is in no pipeline metric.
* **Money** is in minor units inside and printed in the organisation's currency.
* **Periods**: one period, a range `2025Q1..2025Q4`, or `all`; a range adds up the quotas of the periods in it.
* **The same point** of another period: the day with the same share of its selling days behind it, rounded.
* **Who is listed**: reps employed on a day of the period, and others to whom something of it belongs.
"""


def _entry(metric: Metric) -> str:
    return (
        f"### `{metric.slug}`\n\n"
        f"{metric.label} · {metric.unit} · {', '.join(metric.levels)} · version {metric.version}\n\n"
        f"* formula: {metric.formula}\n"
        f"* null rule: {metric.null_rule}\n"
        f"* inputs: {', '.join(f'`{name}`' for name in metric.inputs)}\n"
        f"* source: {metric.source}\n"
    )


def catalogue_page() -> str:
    """Writes the catalogue in Markdown: every metric by subject, then the reasons for having no value."""
    parts = [_HEAD]
    for group, metrics in GROUPS.items():
        parts.append(f"## {group}\n")
        parts.extend(_entry(metric) for metric in metrics)
    reasons = "\n".join(f"| `{reason}` | {text} |" for reason, text in NULL_REASONS.items())
    parts.append(f"## Reasons for having no value\n\n| reason | meaning |\n|---|---|\n{reasons}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/metrics.md").write_text(catalogue_page(), encoding="utf-8")
