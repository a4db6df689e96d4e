"""What an operator decides about a workspace: its `serving.yaml`, over it the environment, secrets never in the file.

What is decided about fetching is read in the same way from `connectors.yaml` and variables `SPM_CONNECTORS__…`.

A variable `SPM_SERVING__LIMITS__WRITES_PER_MINUTE` means `limits: {writes_per_minute: …}`; lists are JSON, `null` is
none, and an empty variable counts as not set. With `_FILE` after its name (in the file: `_file`) a setting is read
from the file it names, as container platforms hand over secrets. Of a tenant's workspace the environment counts only
where `SPM_TENANT` names that tenant.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from spm_ml import tenant
from spm_ml.errors import ConfigurationError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)
_Path = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where settings of one kind are given.

    Attributes:
        file: In the workspace.
        prefix: Of variables.
        what: Whose settings they are, in words.
    """

    file: str
    prefix: str
    what: str


SERVING: Final = Place("serving.yaml", "SPM_SERVING__", "the service's settings")
CONNECTORS: Final = Place("connectors.yaml", "SPM_CONNECTORS__", "the settings of connectors")
PLACES: Final = (SERVING, CONNECTORS)


@dataclass(frozen=True)
class _Given:
    """One setting as it was given: its value, and where it stands in words."""

    value: object
    origin: str
    in_file: bool = False


def load(
    model: type[Model], workspace: Path, *, at: Place = SERVING, defaults: Mapping[str, object] | None = None
) -> Model:
    """Reads settings of a workspace.

    Args:
        model: What they must be.
        workspace: Folder that may hold the file of settings.
        at: The file's name and the variables'.
        defaults: Values of what is given nowhere.

    Raises:
        ConfigurationError: The file cannot be read; each setting that is unknown, wrong or a secret in the file, with
            its place; or the environment is of another tenant than the workspace.
    """
    given = _from_file(workspace / at.file)
    environment = _from_environment(at.prefix)
    tenant.refuse_variables(workspace, [setting.origin for setting in environment.values()])
    given |= environment
    for place in [place for place in given if place[-1].endswith("_file") and _field(model, place) is None]:
        target = (*place[:-1], place[-1].removesuffix("_file"))
        if _field(model, target) is not None:
            given[target] = _content(given.pop(place))
    for place, setting in given.items():
        if setting.in_file and _is_secret(model, place, setting.value):
            name = at.prefix + "__".join(place).upper()
            raise ConfigurationError(
                f"{setting.origin} holds a secret: set {name} in the environment, or {place[-1]}_file to a file's path"
            )
    values: dict[str, Any] = dict(defaults or {})
    for place, setting in given.items():
        inner = values
        for part in place[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigurationError(f"{setting.origin} lies in {part}, which another place sets to a single value")
        inner[place[-1]] = setting.value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            _problem(model, tuple(map(str, problem["loc"])), problem["type"], problem["msg"], given)
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"{at.what} cannot be used: {problems}") from None


def files_named(workspace: Path) -> dict[str, Path]:
    """Settings of a workspace's files that are read from files of their own, and those files."""
    given = {(at.file, *place): setting for at in PLACES for place, setting in _from_file(workspace / at.file).items()}
    return {setting.origin: Path(str(setting.value)) for place, setting in given.items() if place[-1].endswith("_file")}


def _from_file(path: Path) -> dict[_Path, _Given]:
    if not path.exists():
        return {}
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        return {} if node is None else dict(_leaves(node, path, ()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}") from error


def _leaves(node: yaml.Node, path: Path, place: _Path) -> Iterator[tuple[_Path, _Given]]:
    """Every setting below a node; a mapping's keys lead to its settings, and a list is one setting."""
    where = f"{path} line {node.start_mark.line + 1}"
    if not isinstance(node, yaml.MappingNode):
        if not place:
            raise ConfigurationError(f"{where} is no setting: write 'name: value' on each line")
        value = yaml.safe_load(yaml.serialize(node))
        yield place, _Given(value, f"{where}, {'.'.join(place)}", in_file=True)
        return
    seen: set[str] = set()
    for key, value_node in node.value:
        name = str(key.value)
        if name in seen:
            raise ConfigurationError(f"{path} line {key.start_mark.line + 1} says {name} a second time; keep one")
        seen.add(name)
        yield from _leaves(value_node, path, (*place, name))


def _from_environment(prefix: str) -> dict[_Path, _Given]:
    given = {}
    for name, text in sorted(os.environ.items()):
        if not name.startswith(prefix) or not text:
            continue
        value: object = text
        if text == "null" or text[0] in "[{":
            try:
                value = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ConfigurationError(
                    f'{name} begins like JSON and is none; write for example ["a", "b"]'
                ) from error
        given[tuple(name.removeprefix(prefix).lower().split("__"))] = _Given(value, name)
    return given


def _content(setting: _Given) -> _Given:
    try:
        text = Path(str(setting.value)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{setting.origin} names a file that cannot be read: {type(error).__name__}") from None
    if not text:
        raise ConfigurationError(f"{setting.origin} names a file that is empty")
    return _Given(text, setting.origin)


def _field(model: type[BaseModel], place: _Path) -> Any:
    """The annotation of a setting; None if there is no such setting."""
    annotation: Any = model
    for part in place:
        if get_origin(annotation) is dict:  # named by the operator
            annotation = get_args(annotation)[1]
            continue
        owner = next(
            (one for one in _members(annotation) if isinstance(one, type) and issubclass(one, BaseModel)), None
        )
        if owner is None or part not in owner.model_fields:
            return None
        annotation = owner.model_fields[part].annotation
    return annotation


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _is_secret(model: type[BaseModel], place: _Path, value: object) -> bool:
    if SecretStr in _members(_field(model, place)):
        return True
    return isinstance(value, str) and "://" in value and urlsplit(value).password is not None


def _problem(model: type[BaseModel], place: _Path, kind: str, said: str, given: Mapping[_Path, _Given]) -> str:
    origins = [
        setting.origin for known, setting in given.items() if place and known[: len(place)] == place[: len(known)]
    ]
    origin = origins[0] if origins else ".".join(place) or "together"
    if kind != "extra_forbidden":
        return f"{origin}: {said}"
    owner = model if len(place) == 1 else _field(model, place[:-1])
    known = [name for one in _members(owner) if hasattr(one, "model_fields") for name in one.model_fields]
    return f"{origin} is no setting{did_you_mean(place[-1], known)}"
