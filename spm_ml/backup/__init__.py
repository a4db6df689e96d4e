"""Backup and restore: one zip file with a consistent copy of the store and, if asked, of the workspace's files.

The copy is logical (a JSON line a row), so what was backed up on SQLite is restored on PostgreSQL and the other way.
Every member's hash stands in `manifest.json`; nothing of a file that does not agree with it is restored.
"""

from spm_ml.backup.make import Backup, backup
from spm_ml.backup.restoring import Restored, restore

__all__ = ["Backup", "Restored", "backup", "restore"]
