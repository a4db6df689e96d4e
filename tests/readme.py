"""What the README tells people to type."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCKS: Final[list[str]] = re.findall(r"```(?:sh|console)\n(.*?)```", README, flags=re.DOTALL)

LINES: Final = tuple(line.split("  #")[0].strip() for block in _BLOCKS for line in block.splitlines() if line.strip())
"""Every line of its blocks, without what is said beside it."""

SPM_COMMANDS: Final = tuple(
    line for line in LINES if line.startswith("spm ") and not line.startswith(("spm serve", "spm demo"))
)
"""In their order; `spm serve` is covered by the demo."""
