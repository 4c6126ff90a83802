"""Quotas against the nodes that a formula may ask for."""

import pytest

from shared.quota import Quotas, cores_of, shortages


@pytest.mark.parametrize(
    ("size", "cores"),
    [
        ("Standard_D2ads_v5", 2),
        ("standard_d16as_v4", 16),
        ("Standard_D64_v3", 64),
        ("Standard_E32-16as_v5", 32),
        ("Standard_NV36ads_A10_v5", 36),
        ("Standard_DS3_v2", None),  # has four
        ("Standard_D11_v2", None),  # has two
        ("Standard_B2ms", None),
        ("", None),
    ],
)
def test_cores_are_read_from_names_that_have_them(size: str, cores: int | None) -> None:
    assert cores_of(size) == cores


def test_quotas_that_are_not_known_lack_nothing() -> None:
    assert shortages(Quotas(), nodes=1000, cores=64) == []


def test_quotas_that_are_just_enough_lack_nothing() -> None:
    assert shortages(Quotas(cores=8, family_cores=8, pools=2, jobs=2), nodes=4, cores=2) == []


def test_each_quota_that_is_too_small_is_a_sentence() -> None:
    found = shortages(Quotas(cores=7, family_cores=0, pools=1, jobs=1), nodes=4, cores=2)
    assert [sentence.partition(";")[0] for sentence in found] == [
        "The autoscale formula may ask for 4 nodes with 2 cores each, 8 cores",
        "The autoscale formula may ask for 4 nodes with 2 cores each, 8 cores",
        "The quota of pools is 1",
        "The quota of active jobs is 1",
    ]
    assert "VM family is 0, enough for 0" in found[0]
    assert "dedicated cores is 7, enough for 3" in found[1]
