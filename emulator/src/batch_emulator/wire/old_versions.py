"""What old api-versions call differently: names of properties, task counts without slots, node agents."""

from __future__ import annotations

OLDEST = "2018-08-01"
NEWEST = "9999"
"""Later than every version."""
_SLOTS = "2020-09-01"
_NODE_AGENTS_UNTIL = "2019-06-01"
_RENAMED = (("2018-12-01", "blobSource", "httpUrl"), (_SLOTS, "maxTasksPerNode", "taskSlotsPerNode"))
"""The version that renamed a property, its old name and its new one."""


def has_slots(version: str) -> bool:
    """Whether the version knows task slots."""
    return version >= _SLOTS


def has_node_agents(version: str) -> bool:
    """Whether the version lists node agents instead of supported images."""
    return version < _NODE_AGENTS_UNTIL


def normal(value: object, version: str) -> object:
    """A request's JSON with today's names."""
    return _rename(value, _old_names(version)) if renames(version) else value


def normal_name(name: str, version: str) -> str:
    """A property's name of today."""
    return _old_names(version).get(name, name)


def renames(version: str) -> bool:
    """Whether the version calls any property otherwise."""
    return bool(_old_names(version))


def spoken(content: bytes, version: str) -> bytes:
    """A response's JSON with the names of the version."""
    for old, new in _old_names(version).items():
        content = content.replace(f'"{new}":'.encode(), f'"{old}":'.encode())
    return content


def _old_names(version: str) -> dict[str, str]:
    """Old name -> name of today, of the properties that the version calls otherwise."""
    return {old: new for since, old, new in _RENAMED if version < since}


def _rename(value: object, names: dict[str, str]) -> object:
    if isinstance(value, dict):
        return {names.get(name, name): _rename(item, names) for name, item in value.items()}
    return [_rename(item, names) for item in value] if isinstance(value, list) else value
