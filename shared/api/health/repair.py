"""What the app has repaired of the pools, and what it cannot repair."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.api.health.finding import Finding
from shared.lifecycle.pool_repair.journal import load_journal

if TYPE_CHECKING:
    from shared.lifecycle.pool_repair.decision import Repair
    from shared.services.services import Services

MAX_SHOWN = 3


async def check_repairs(services: Services) -> list[Finding]:
    """The findings of the last look at the pools, and the last repairs."""
    if services.settings.repair == "off":
        return [Finding(name="repairs", message="The pool is not repaired (GIFDROP_REPAIR).")]
    journal = await load_journal(services)
    last = " ".join(_sentence(repair) for repair in journal.repairs[-MAX_SHOWN:]) or "Nothing had to be repaired."
    if journal.findings:
        todo = (
            "Read why in the start task's log or the node's errors; correct the cause. The repair continues by itself."
        )
        return [Finding(name="repairs", message=" ".join((*journal.findings, last)), what_to_do=todo)]
    return [Finding(name="repairs", message=last)]


def _sentence(repair: Repair) -> str:
    what = f"{repair.step} {repair.node}".strip()
    refused = f", refused: {repair.refused}" if repair.refused else ""
    return f"{repair.at:%Y-%m-%d %H:%M} UTC at {urlsplit(repair.account).hostname}: {what} ({repair.reason}{refused})."
