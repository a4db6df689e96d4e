"""Whose workspace a folder is: `tenant.yaml` names the tenant, and no environment but that tenant's counts there.

A machine that works for several companies gives each a workspace of its own. What is set for one of them in the
environment must not reach another, so such variables come with `SPM_TENANT`, which says for whom they are.
"""

import os
import re
from pathlib import Path
from typing import Final

import yaml

from spm_ml.errors import ConfigurationError

FILE: Final = "tenant.yaml"
VARIABLE: Final = "SPM_TENANT"
"""Names the tenant for whom the environment was made."""

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def check_name(name: str) -> str:
    """Gives back a name that is at once a folder's, a host's and a service's: a label of DNS in lower case (RFC 1123).

    >>> check_name("acme-emea")
    'acme-emea'

    Raises:
        ConfigurationError: It is none.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name[:80]!r} cannot name a tenant: take 1 to 63 of a-z, 0-9 and '-', with no '-' at either end"
        )
    return name


def tenant_of(workspace: Path) -> str | None:
    """The tenant that a workspace belongs to; None: it is the only one of its kind, and nobody's in particular.

    Raises:
        ConfigurationError: `tenant.yaml` cannot be read or names nobody.
    """
    path = workspace / FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}; it must say 'tenant: NAME'") from None
    if not isinstance(content, dict) or set(content) != {"tenant"} or not isinstance(content["tenant"], str):
        raise ConfigurationError(f"{path} must say 'tenant: NAME' and nothing else")
    return check_name(content["tenant"])


def check_environment(workspace: Path) -> None:
    """Lets nobody work on a workspace in an environment that was made for another tenant.

    Raises:
        ConfigurationError: `SPM_TENANT` names another tenant.
    """
    named, tenant = os.environ.get(VARIABLE) or None, tenant_of(workspace)
    if named is not None and named != tenant:
        whose = "of no tenant" if tenant is None else f"of tenant {tenant}"
        raise ConfigurationError(
            f"this environment is of tenant {named[:80]!r} ({VARIABLE}) and {workspace} is {whose}: "
            f"unset {VARIABLE} and every SPM_SERVING__ and SPM_CONNECTORS__ variable, or name the other workspace"
        )


def refuse_variables(workspace: Path, names: list[str]) -> None:
    """Lets settings of the environment count in a tenant's workspace only where it says whose they are.

    Args:
        workspace: Where they would count.
        names: Of the variables that hold settings.

    Raises:
        ConfigurationError: There are some and `SPM_TENANT` does not name the workspace's tenant.
    """
    check_environment(workspace)
    tenant = tenant_of(workspace)
    if names and tenant is not None and not os.environ.get(VARIABLE):
        raise ConfigurationError(
            f"{names[0]} is set and does not say for which tenant: {workspace} is of tenant {tenant}. Set "
            f"{VARIABLE}={tenant} beside it if it is theirs, or take it out of the environment"
        )
