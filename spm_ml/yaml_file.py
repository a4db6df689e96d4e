"""YAML that people write by hand: read with the line of every setting, so that an error says where to look."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from spm_ml.errors import ConfigurationError


@dataclass(frozen=True)
class YamlDocument:
    """One document of a file.

    Attributes:
        where: The file, and which of its documents if it holds several.
        content: What it says, as plain Python.
        node: The same with places; None for an empty document.
    """

    where: str
    content: object
    node: yaml.Node | None

    def line_of(self, place: Sequence[int | str]) -> int | None:
        """The line of a setting, or of the innermost one around it that is there; None in an empty document.

        Args:
            place: Keys and positions that lead to it, as pydantic names them.
        """
        node = self.inner(place)
        return None if node is None else node.start_mark.line + 1

    def inner(self, place: Sequence[int | str]) -> yaml.Node | None:
        """What stands at a place, or the innermost that is there around it; None in an empty document.

        Args:
            place: Keys and positions that lead to it.
        """
        node = self.node
        for step in place:
            inner = _inner(node, step)
            if inner is None:
                break
            node = inner
        return node


def parse_yaml(text: str, where: str) -> tuple[YamlDocument, ...]:
    """Takes YAML apart.

    Args:
        text: Documents, none or more.
        where: What was read, for messages.

    Raises:
        ConfigurationError: It is no YAML, or names a key twice, of which one would be lost.
    """
    try:
        found = list(_documents(text, where))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{where} cannot be read as YAML: {error}") from error
    return tuple(
        YamlDocument(f"{where}, document {number}" if len(found) > 1 else where, content, node)
        for number, (node, content) in enumerate(found, start=1)
    )


def read_yaml(path: Path) -> tuple[YamlDocument, ...]:
    """Reads the documents of a file.

    Raises:
        ConfigurationError: As `parse_yaml`, or it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}") from error
    return parse_yaml(text, str(path))


def only_document(documents: Sequence[YamlDocument], where: str) -> YamlDocument:
    """The one document of a file; an empty file holds None.

    Raises:
        ConfigurationError: There are several.
    """
    if len(documents) > 1:
        raise ConfigurationError(f"{where} holds {len(documents)} YAML documents: leave one, without a line '---'")
    return documents[0] if documents else YamlDocument(where, None, None)


def _documents(text: str, where: str) -> Iterator[tuple[yaml.Node, object]]:
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                for key in _named_twice(node):  # before merge keys are written out in the node itself
                    line = key.start_mark.line + 1
                    raise ConfigurationError(f"{where}, line {line}: {key.value!r} is named a second time: keep one")
                yield node, loader.construct_document(node)
    finally:
        loader.dispose()


def validation_problems(
    error: ValidationError,
    *,
    whole: str,
    document: YamlDocument | None = None,
    unwritten: tuple[int | str, ...] = (),
) -> str:
    """What pydantic found, as `place: problem` one after the other, with its line where the document is known.

    Args:
        error: What it found.
        whole: Names what has no place inside.
        document: Where the content was read from.
        unwritten: How a place begins that the document does not spell out.
    """
    found = []
    for problem in error.errors():
        loc = problem["loc"]
        if unwritten and loc[: len(unwritten)] == unwritten:
            loc = loc[len(unwritten) :]
        line = None if document is None else document.line_of(loc)
        place = ".".join(str(part) for part in loc) or whole
        found.append(f"{place}: {problem['msg']}" if line is None else f"line {line}, {place}: {problem['msg']}")
    return "; ".join(found)


def _inner(node: yaml.Node | None, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        inner: yaml.Node = node.value[step]
        return inner
    return None


def _named_twice(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """Keys of a mapping that stand in it before."""
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    yield key
                seen.add(key.value)
            yield from _named_twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _named_twice(inner)
