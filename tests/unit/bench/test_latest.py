"""The file with the latest rows of each benchmark."""

import json
from pathlib import Path

from bench import goal_row
from bench.latest import save


def test_saving_one_benchmark_keeps_the_rows_of_others(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    save("latency", [{"figure": "a", "value": 1}], path=path)
    save("requests", [{"figure": "b", "value": 2}], path=path)
    save("requests", [{"figure": "b", "value": 3}], path=path)
    results = json.loads(path.read_text())
    assert results["latency"] == [{"figure": "a", "value": 1}]
    assert results["requests"] == [{"figure": "b", "value": 3}]
    assert results["measured_at"].keys() == {"latency", "requests"}


def test_goal_row_is_met_on_the_right_side_of_the_goal() -> None:
    assert goal_row("a", 1.0, "s", 2.0) == {"figure": "a", "value": 1.0, "unit": "s", "goal": 2.0, "met": True}
    assert not goal_row("a", 3.0, "s", 2.0)["met"]
    assert goal_row("a", 3.0, "ratio", 2.0, at_least=True)["met"]
    assert not goal_row("a", 1.0, "ratio", 2.0, at_least=True)["met"]
