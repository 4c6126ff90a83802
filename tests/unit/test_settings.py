"""Settings come from the environment; all problems are reported at once, and no setting is a secret."""

import re
from pathlib import Path

import pytest

from shared.options import Options
from shared.settings import OPTION_VARIABLES, REQUIRED, VARIABLES, Settings, SettingsError, read_settings
from tests.support.settings import MINIMAL_SETTINGS

ROOT = Path(__file__).parents[2]


def test_settings_have_defaults_for_all_but_five() -> None:
    settings = read_settings(MINIMAL_SETTINGS)
    assert settings.storage_url == "https://account.blob.core.windows.net"
    assert settings.input_container == "videos"
    assert settings.defaults == Options()


def test_batch_urls_are_the_home_account_then_the_fallbacks() -> None:
    settings = read_settings(
        MINIMAL_SETTINGS | {"GIFDROP_FALLBACK_BATCH_URLS": "https://north.example/ https://south.example"}
    )
    assert settings.batch_urls == (
        MINIMAL_SETTINGS["GIFDROP_BATCH_URL"],
        "https://north.example",
        "https://south.example",
    )


def test_empty_setting_counts_as_absent() -> None:
    assert read_settings(MINIMAL_SETTINGS | {"GIFDROP_INPUT_CONTAINER": " "}).input_container == "videos"


def test_missing_settings_are_all_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({})
    assert str(caught.value).splitlines() == [f"{VARIABLES[name][0]} is not set" for name in REQUIRED]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GIFDROP_STORAGE_URL", "http://account.blob.core.windows.net"),
        ("GIFDROP_STORAGE_URL", "https://account.blob.core.windows.net/?sv=2025&sig=secret"),
        ("GIFDROP_BATCH_URL", "account.batch.azure.com"),
        ("GIFDROP_POOL_ID", "my pool"),
        ("GIFDROP_POOL_IDENTITY", "pool"),
        ("GIFDROP_PACKAGE_VERSION", "$(reboot)"),
        ("GIFDROP_PACKAGE_ID", '"; reboot; "'),
        ("GIFDROP_INPUT_CONTAINER", "Videos"),
        ("GIFDROP_MAX_SECONDS", "0"),
        ("GIFDROP_MAX_GIF_BYTES", "1e9"),
        ("GIFDROP_GIF_WIDTH", "huge"),
        ("GIFDROP_GIF_PRESET", "ugly"),
        ("GIFDROP_NODE_PRICE", "0"),
        ("GIFDROP_NODE_PRICE", "-0.1"),
        ("GIFDROP_NODE_PRICE", "0,103"),
        ("GIFDROP_NODE_PRICE", "1e-3"),
        ("GIFDROP_NODE_PRICE", "nan"),
        ("GIFDROP_TASK_SLOTS", "0"),
        ("GIFDROP_VM_SIZE", "Standard D2ads v5"),
        ("GIFDROP_QUOTA_CORES", "-1"),
    ],
)
def test_wrong_setting_is_named_with_what_it_must_be(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable} must be "):
        read_settings(MINIMAL_SETTINGS | {variable: value})


def test_default_duration_may_not_exceed_the_cap() -> None:
    with pytest.raises(SettingsError, match="GIFDROP_GIF_DURATION"):
        read_settings(MINIMAL_SETTINGS | {"GIFDROP_MAX_SECONDS": "10", "GIFDROP_GIF_DURATION": "11"})


def test_no_setting_is_a_secret() -> None:
    variables = [variable for variable, _ in VARIABLES.values()] + list(OPTION_VARIABLES.values())
    assert not [v for v in variables if re.search(r"KEY|SECRET|SAS|TOKEN|CONNECTION|PASSWORD", v)]


def test_documentation_lists_every_setting_with_its_default() -> None:
    rows = [line.split(" | ") for line in (ROOT / "docs" / "settings.md").read_text().splitlines()]
    documented = {row[0].strip("| `"): row[-1].strip("| ") for row in rows if row[0].startswith("| `")}
    variables = {variable: name for name, (variable, _) in VARIABLES.items()}
    schedules = {"GIFDROP_COMPLETE_SCHEDULE", "GIFDROP_RECONCILE_SCHEDULE"}  # read by the Functions host
    assert set(documented) == {*variables, *OPTION_VARIABLES.values(), *schedules}
    for variable, name in variables.items():
        default = "**required**" if name in REQUIRED else getattr(Settings, name)
        empty = default is None or default in ("", ())
        assert documented[variable].replace(",", "") == ("" if empty else str(default)), variable


def test_advice_of_health_on_settings_names_a_document_that_lists_them() -> None:
    source = (ROOT / "shared" / "api" / "health" / "health.py").read_text()
    (document,) = set(re.findall(r"docs/\w+\.md", source))
    assert "`GIFDROP_STORAGE_URL`" in (ROOT / document).read_text()
