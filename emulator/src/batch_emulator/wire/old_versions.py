"""What api-versions before 2020-09-01 call differently: `maxTasksPerNode`, and task counts without slots."""

from __future__ import annotations

OLDEST = "2018-12-01"
"""Earlier ones have other names for the properties of resource files."""
NEWEST = "9999"
"""Later than every version."""
_SLOTS = "2020-09-01"
_NODE_AGENTS_UNTIL = "2019-06-01"
_OLD, _NEW = "maxTasksPerNode", "taskSlotsPerNode"


def has_slots(version: str) -> bool:
    """Whether the version knows task slots."""
    return version >= _SLOTS


def has_node_agents(version: str) -> bool:
    """Whether the version lists node agents instead of supported images."""
    return version < _NODE_AGENTS_UNTIL


def normal(value: object, version: str) -> object:
    """A request's JSON with today's names."""
    return value if has_slots(version) else _renamed(value)


def normal_name(name: str, version: str) -> str:
    """A property's name of today."""
    return _NEW if name == _OLD and not has_slots(version) else name


def spoken(content: bytes, version: str) -> bytes:
    """A response's JSON with the names of the version."""
    return content if has_slots(version) else content.replace(f'"{_NEW}":'.encode(), f'"{_OLD}":'.encode())


def _renamed(value: object) -> object:
    if isinstance(value, dict):
        return {_NEW if name == _OLD else name: _renamed(item) for name, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value
