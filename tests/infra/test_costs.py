"""The cost tables of docs/costs.md are those that the prices, the use and the Bicep files give."""

import re
from datetime import date
from pathlib import Path

import pytest

from infra import costs, estimates
from infra.estimates import audit, idle, parameters, per_videos, price, runs_a_month, total, used, worst_case
from shared.lifecycle.reconciliation.audit import NAMES_PER_INDEX_QUERY
from shared.settings import Settings
from tests.infra.bicep import ROOT


def test_tables_of_the_operations_page_are_generated() -> None:
    page = costs.DOCS.read_text(encoding="utf-8")
    assert page == costs.rewritten(page), "run python -m infra.costs"


def test_rewriting_replaces_stale_tables_and_keeps_the_rest() -> None:
    page = "".join(f"before\n<!-- costs: {name} -->\nstale\n<!-- end of costs -->\nafter\n" for name in costs.TEXTS)
    new = costs.rewritten(page)
    assert "stale" not in new
    assert new.count("before\n<!--") == new.count("-->\nafter") == len(costs.TEXTS)
    assert costs.rewritten(new) == new


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="no markers for 'videos'"):
        costs.rewritten("# Operations\n")


def test_each_price_has_a_unit_and_a_source_and_a_date_where_the_source_has_one() -> None:
    sources = estimates.PRICES["sources"]
    assert estimates.PRICES["currency"] == "USD"
    date.fromisoformat(estimates.PRICES["looked_up"])
    for name, item in estimates.PRICES["prices"].items():
        assert item["unit"], name
        assert item["source"] in sources, name
        assert 0 < item["usd"] < 10, name
        assert item["date"] is None or date.fromisoformat(item["date"]), name
    assert {item["source"] for item in estimates.PRICES["free_a_month"].values()} <= set(sources)


def test_requests_of_a_video_are_those_measured() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    measured = re.search(r"\| requests of one video, all parts,[^|]*\| (\d+) \|", page)
    assert measured
    assert sum(used(f"video.{kind}") for kind in ("blob_writes", "blob_reads", "batch_requests")) == int(measured[1])


def test_audit_is_counted_in_pages_of_the_app() -> None:
    assert used("audit.names_per_query") == NAMES_PER_INDEX_QUERY
    assert int(parameters()["auditNames"]) == Settings.audit_names


def test_defaults_come_from_bicep_and_can_be_replaced() -> None:
    assert parameters()["completeSchedule"] == "0 * * * * *"
    assert parameters({"maxInstances": "5"})["maxInstances"] == "5"
    with pytest.raises(ValueError, match="maxInstance"):
        parameters({"maxInstance": "5"})


@pytest.mark.parametrize(
    ("schedule", "runs"), [("0 * * * * *", 43_200), ("0 */2 * * * *", 21_600), ("30 */5 * * * *", 8_640)]
)
def test_runs_a_month_follow_from_the_schedule(schedule: str, runs: int) -> None:
    assert runs_a_month(schedule) == runs


def test_a_schedule_that_is_not_in_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\*/15"):
        runs_a_month("*/15 * * * * *")


def test_idle_cost_is_mostly_alerts_and_is_lower_with_fewer_runs_and_logs() -> None:
    values = parameters()
    log, metric = estimates.alerts()
    assert idle(values)[0].usd == pytest.approx(log * 0.5 + metric * 0.1)
    assert total(idle(values | {"completeSchedule": "0 */2 * * * *"})) < total(idle(values))
    assert total(idle(values | {"storageLogs": "none"})) < total(idle(values))
    assert total(idle(values | {"memoryMb": "512"})) < total(idle(values))


def test_cost_of_videos_is_proportional_but_for_idle_nodes() -> None:
    def without_idle(count: int) -> float:
        return sum(item.usd for item in per_videos(count) if "idle" not in item.what)

    assert without_idle(10_000) == pytest.approx(10 * without_idle(1_000))


def test_audit_costs_nothing_more_while_names_fit_a_page_and_is_bounded_by_audit_names() -> None:
    values = parameters()
    assert audit(5_000, values) == pytest.approx(0, abs=0.01)
    assert 0 < audit(50_000, values) < audit(100_000, values)
    assert audit(10_000_000, values) == audit(int(values["auditNames"]), values)
    assert audit(10_000_000, values | {"auditNames": "20000"}) < audit(10_000_000, values)


def test_worst_case_is_bounded_by_its_parameters() -> None:
    values = parameters()
    most = total(worst_case(values))
    assert most > total(idle(values))
    for name, lower in {"maxInstances": "5", "maxDedicatedNodes": "1", "logDailyCapGb": "1", "memoryMb": "512"}.items():
        assert total(worst_case(values | {name: lower})) < most, name
    nodes = {item.what: item.usd for item in worst_case(values | {"maxDedicatedNodes": "10"})}["nodes"]
    assert nodes == pytest.approx(10 * 720 * price("node_hour"))


def test_command_prints_the_worst_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert costs.main(["worst-case", "maxInstances=5"]) == 0
    assert int(capsys.readouterr().out) == round(total(worst_case(parameters({"maxInstances": "5"}))))


@pytest.mark.parametrize(
    ("arguments", "code"), [(["worst-case", "nonsense=5"], 1), (["worst-case", "5"], 2), (["unknown"], 2)]
)
def test_command_refuses_what_it_does_not_know(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert costs.main(arguments) == code
    assert capsys.readouterr().err


def test_command_rewrites_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "costs.md"
    page.write_text(costs.DOCS.read_text(encoding="utf-8").replace("**total**", "**sum**"), encoding="utf-8")
    expected = costs.DOCS.read_text(encoding="utf-8")
    monkeypatch.setattr(costs, "DOCS", page)
    assert costs.main([]) == 0
    assert page.read_text(encoding="utf-8") == expected


def test_summary_names_idle_cost_and_worst_case() -> None:
    text = costs.summary()
    assert f"{total(idle(parameters())):.2f} USD a month idle" in text
    assert f"{total(worst_case(parameters())):,.0f}" in text
