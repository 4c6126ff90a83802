"""Pools that a deployment replaced keep no idle nodes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.autoscale import formula
from infra.old_pools import without_floor
from tests.infra.bicep import INFRA
from tests.infra.stand_ins import StandIns, stand_ins
from tests.support.fork_server import ForkServer

KEEPS_ONE = formula(max_dedicated=4, max_low_priority=0, min_nodes=1)
KEEPS_NONE = formula(max_dedicated=4, max_low_priority=0, min_nodes=0)


def pool(name: str, text: str = KEEPS_ONE) -> dict[str, Any]:
    scale = {"autoScale": {"formula": text, "evaluationInterval": "PT5M"}}
    return {"name": name, "properties": {"vmSize": "STANDARD_D2ADS_V5", "scaleSettings": scale}}


def formulas(home: Path) -> dict[str, str]:
    pools = json.loads((home / "pools").read_text(encoding="utf-8"))
    return {item["name"]: item["properties"]["scaleSettings"]["autoScale"]["formula"] for item in pools}


@pytest.fixture
def cloud(tmp_path: Path, python: ForkServer) -> Iterator[StandIns]:
    with stand_ins(tmp_path, python) as tools:
        yield tools


def run(cloud: StandIns, pools: list[dict[str, Any]], current: str) -> list[str]:
    """Run infra.old_pools against a fake account with these pools; returns what it prints."""
    (cloud.home / "pools").write_text(json.dumps(pools))
    done = cloud.python("infra.old_pools", "pets", current, **cloud.environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_replaced_pool_shrinks_to_nothing_and_the_current_one_keeps_its_nodes(cloud: StandIns) -> None:
    pools = [pool("gifdrop-old"), pool("gifdrop-new"), pool("somebody-else")]

    said = run(cloud, pools, "gifdrop-new")

    assert formulas(cloud.home) == {
        "gifdrop-old": KEEPS_NONE,
        "gifdrop-new": KEEPS_ONE,
        "somebody-else": KEEPS_ONE,
    }
    assert said == ["Pool gifdrop-old in gifdropabc is replaced by gifdrop-new: it now shrinks to 0 nodes."]
    assert run(cloud, [pool("gifdrop-old", KEEPS_NONE), pool("gifdrop-new")], "gifdrop-new") == []


def test_account_without_the_current_pool_is_left_alone(cloud: StandIns) -> None:
    assert run(cloud, [pool("gifdrop-old")], "gifdrop-new") == []
    assert formulas(cloud.home) == {"gifdrop-old": KEEPS_ONE}


@pytest.mark.parametrize("scale", [{}, {"fixedScale": {"targetDedicatedNodes": 1}}])
def test_pool_without_autoscale_is_left_alone(scale: dict[str, object]) -> None:
    assert without_floor({"name": "gifdrop-old", "properties": {"scaleSettings": scale}}, "gifdrop-new") is None


def test_pools_are_changed_after_the_smoke_test_has_converted_a_video() -> None:
    script = (INFRA / "deploy.sh").read_text(encoding="utf-8")
    smoke = script[script.index("step_smoke()") :]
    assert smoke.index("infra.smoke wait") < smoke.index('infra.old_pools "$group" "$pool"')
