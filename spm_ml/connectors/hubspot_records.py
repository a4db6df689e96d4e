"""HubSpot's records in the form of its export files."""

from typing import Any, Final

from spm_ml.connectors.mirror import Record

OWNER_COLUMNS: Final = ("id", "email", "firstName", "lastName", "createdAt", "updatedAt", "archived", "team")
STAGE_COLUMNS: Final = ("stage_id", "label", "is_closed", "closed_won")
HISTORY_COLUMNS: Final = ("deal_id", "name", "timestamp", "value")
DEAL: Final = "deal_id"
"""Under this name a record of an engagement keeps the deal that it is associated with."""


def owner(said: dict[str, Any]) -> Record:
    """An owner with the team that comes first."""
    teams = sorted(said.get("teams") or [], key=lambda each: not each.get("primary"))
    content = {name: said.get(name) for name in OWNER_COLUMNS} | {"team": teams[0]["name"] if teams else None}
    return Record(str(said["id"]), content)


def stage(said: dict[str, Any]) -> dict[str, Any]:
    """A stage; it is won where it is closed and nothing is uncertain about it."""
    about = said.get("metadata") or {}
    closed = str(about.get("isClosed", "false")).lower() == "true"
    won = closed and float(about.get("probability") or 0) == 1
    return {"stage_id": said["id"], "label": said["label"], "is_closed": closed, "closed_won": won}


def record(said: dict[str, Any]) -> Record:
    """A deal or an engagement."""
    content = dict(said["properties"])
    found = ((said.get("associations") or {}).get("deals") or {}).get("results") or []
    if found:
        content[DEAL] = str(found[0]["id"])
    return Record(str(said["id"]), content)


def history(said: dict[str, Any]) -> list[Record]:
    """What the properties of a deal were; a value is known again by deal, property and moment."""
    return [
        Record(
            f"{said['id']} {name} {each['timestamp']}",
            {"deal_id": said["id"], "name": name, "timestamp": each["timestamp"], "value": each["value"]},
            parent=str(said["id"]),
        )
        for name, values in (said.get("propertiesWithHistory") or {}).items()
        for each in values
    ]
