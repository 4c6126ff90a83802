"""The finding about quotas in GET health."""

import pytest

from shared.api.health.batch import check_quotas
from shared.settings import Settings, read_settings
from tests.support.settings import MINIMAL_SETTINGS

DEPLOYED = {
    "GIFDROP_VM_SIZE": "Standard_D2ads_v5",
    "GIFDROP_MAX_NODES": "4",
    "GIFDROP_QUOTA_CORES": "8",
    "GIFDROP_QUOTA_POOLS": "100",
    "GIFDROP_QUOTA_JOBS": "300",
}


def settings(**changes: str) -> Settings:
    return read_settings(MINIMAL_SETTINGS | DEPLOYED | changes)


def test_quota_that_is_just_enough_is_ok() -> None:
    finding = check_quotas(settings())
    assert finding.ok
    assert finding.message == "The quota at the last deployment, 8 cores, allows 4 nodes."


def test_quota_below_what_the_formula_may_ask_for_says_what_to_do() -> None:
    finding = check_quotas(settings(GIFDROP_QUOTA_CORES="0", GIFDROP_QUOTA_POOLS="1"))
    assert finding.message == (
        "At the last deployment: The autoscale formula may ask for 4 nodes with 2 cores each, 8 cores; the quota of "
        "dedicated cores is 0, enough for 0. The quota of pools is 1; rotating the pool needs 2."
    )
    assert finding.what_to_do is not None
    assert "maxDedicatedNodes" in finding.what_to_do


@pytest.mark.parametrize(
    "changes",
    [
        {"GIFDROP_QUOTA_CORES": ""},  # user subscription mode, or deployed without Bicep
        {"GIFDROP_MAX_NODES": ""},
        {"GIFDROP_VM_SIZE": "Standard_DS3_v2", "GIFDROP_QUOTA_CORES": "1"},
    ],
)
def test_quota_that_is_not_known_is_ok_and_points_to_the_pool(changes: dict[str, str]) -> None:
    finding = check_quotas(settings(**changes))
    assert finding.ok
    assert "`pool size`" in finding.message
