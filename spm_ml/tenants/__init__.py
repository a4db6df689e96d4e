"""Many companies on one machine: a folder of workspaces, one a tenant, that share nothing.

Work on all of them is done by one process a tenant, which sees that tenant's workspace and environment alone.
"""

from spm_ml.tenants.checks import Finding, findings
from spm_ml.tenants.folder import TenantFolder
from spm_ml.tenants.memory import machine_memory, read_size, written_size
from spm_ml.tenants.night import Night
from spm_ml.tenants.report import Outcome, Report
from spm_ml.tenants.worker import Job

__all__ = [
    "Finding",
    "Job",
    "Night",
    "Outcome",
    "Report",
    "TenantFolder",
    "findings",
    "machine_memory",
    "read_size",
    "written_size",
]
