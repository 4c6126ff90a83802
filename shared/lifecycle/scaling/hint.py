"""The two lines of the deployed formula that the app rewrites; infra/autoscale.txt says what they mean.

The rest of the text is never changed and never known: a formula without these lines is left alone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_HINT = re.compile(r'^hintTime = time\("[^"\n]*"\); hintTasks = \d+;(?=\r?$)', re.MULTILINE)
_HOLD = re.compile(r'^holdTime = time\("(?P<until>[^"\n]*)"\);(?=\r?$)', re.MULTILINE)


def with_hint(formula: str, at: datetime, tasks: int) -> str | None:
    """The formula, knowing that there were `tasks` at a time; `None` if it has no line for that."""
    return _replaced(_HINT, f'hintTime = time("{_stamp(at)}"); hintTasks = {tasks};', formula)


def with_hold(formula: str, until: datetime) -> str | None:
    """The formula that keeps the pool at one node until a time; `None` if it has no line for that."""
    return _replaced(_HOLD, f'holdTime = time("{_stamp(until)}");', formula)


def held_until(formula: str) -> datetime | None:
    """Until when the formula keeps the pool at one node, perhaps in the past; `None` if it has no such line."""
    found = _HOLD.search(formula)
    try:
        return datetime.fromisoformat(found["until"]) if found else None
    except ValueError:
        return None


def _replaced(line: re.Pattern[str], new: str, formula: str) -> str | None:
    text, count = line.subn(new, formula)
    return text if count == 1 else None


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
