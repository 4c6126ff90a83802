"""What `GET health` says of the pool's repairs and of resize errors that are over."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from shared.api.health.batch import check_size
from shared.api.health.repair import check_repairs
from shared.conversion import Problem
from shared.services.batch.pool import NodeCounts, PoolState
from shared.services.errors import NotFoundError
from shared.settings import read_settings
from tests.support.settings import MINIMAL_SETTINGS

REPAIR = {
    "at": "2026-11-21T12:00:00+00:00",
    "account": "https://home.batch",
    "step": "reboot",
    "node": "tvm1",
    "reason": "unusable",
    "refused": "",
}


def services(journal: object | None, **settings: Any) -> Any:
    async def read(*_: str) -> Any:
        if journal is None:
            raise NotFoundError("none")
        return SimpleNamespace(body=json.dumps(journal).encode(), etag="1")

    found = replace(read_settings(MINIMAL_SETTINGS), **settings)
    return SimpleNamespace(settings=found, rest=SimpleNamespace(read=read))


async def test_no_repairs_are_ok() -> None:
    [finding] = await check_repairs(services(None))
    assert (finding.ok, finding.message) == (True, "Nothing had to be repaired.")


async def test_last_repairs_are_shown_with_their_refusals() -> None:
    refused = REPAIR | {"step": "reimage", "refused": "NodeNotReady"}
    [finding] = await check_repairs(services({"repairs": [REPAIR, refused], "findings": []}))
    assert finding.ok
    assert finding.message == (
        "2026-11-21 12:00 UTC at home.batch: reboot tvm1 (unusable)."
        " 2026-11-21 12:00 UTC at home.batch: reimage tvm1 (unusable, refused: NodeNotReady)."
    )


async def test_what_the_app_cannot_repair_is_not_ok() -> None:
    [finding] = await check_repairs(services({"repairs": [], "findings": ["All nodes fail alike."]}))
    assert not finding.ok
    assert finding.message.startswith("All nodes fail alike.")


async def test_setting_that_switches_repairs_off_is_said() -> None:
    [finding] = await check_repairs(services(None, repair="off"))
    assert "GIFDROP_REPAIR" in finding.message


@pytest.mark.parametrize(("nodes", "allocation_state", "ok"), [(0, "steady", False), (2, "steady", True)])
def test_resize_error_counts_only_while_nodes_are_missing(nodes: int, allocation_state: str, ok: bool) -> None:
    state = PoolState(
        id="gifdrop",
        state="active",
        allocation_state=allocation_state,
        nodes=NodeCounts(dedicated=nodes, low_priority=0),
        targets=NodeCounts(dedicated=2, low_priority=0),
        task_slots_per_node=2,
        autoscale_enabled=True,
        formula="",
        autoscale_interval=timedelta(minutes=5),
        autoscale_run=None,
        resize_errors=(Problem(code="AccountCoreQuotaReached", message="The quota is reached."),),
        allocation_changed_at=datetime.now(UTC),
    )
    finding = check_size(state, "")
    assert finding.ok is ok
    assert "AccountCoreQuotaReached" in finding.message
