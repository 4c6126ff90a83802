"""Who has signed in, by the header of App Service; and what a client that sends that header itself achieves."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from shared.api.access import (
    MAX_PRINCIPAL_CHARS,
    OPERATOR,
    PRINCIPAL_HEADER,
    VIEWER,
    User,
    acting_as_operator,
    is_operator,
    signed_in_user,
)
from shared.api.errors import ApiError
from shared.settings import Settings, SettingsError, read_settings
from tests.support.settings import MINIMAL_SETTINGS

SETTINGS = read_settings(MINIMAL_SETTINGS)
ON = replace(SETTINGS, sign_in="on", app_service_authentication="true")
ID = "0b9c5a3e-6a3e-4c43-9d3f-2f8a51d1b0aa"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
LONG_ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def principal(*claims: tuple[str, object], auth_typ: object = "aad") -> str:
    content = {"auth_typ": auth_typ, "claims": [{"typ": type_, "val": value} for type_, value in claims]}
    return base64.b64encode(json.dumps(content).encode()).decode()


def encoded(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


def user(header: str, settings: Settings = ON) -> User | None:
    return signed_in_user({PRINCIPAL_HEADER: header}, settings)


@pytest.mark.parametrize("role_type", ["roles", LONG_ROLE])
@pytest.mark.parametrize("id_type", ["oid", OBJECT_ID])
def test_user_has_id_name_and_known_roles(role_type: str, id_type: str) -> None:
    header = principal(
        (id_type, ID),
        ("name", "Me"),
        ("preferred_username", "me@example.com"),
        (role_type, "Other"),
        (role_type, OPERATOR),
    )
    assert user(header) == User(id=ID, name="me@example.com", roles=(OPERATOR,))


def test_user_without_a_name_is_called_by_the_id() -> None:
    assert user(principal(("oid", ID))) == User(id=ID, name=ID, roles=())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Operator",
        "e30",  # not padded
        "e30=,e30=",  # two headers, as the host joins them
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 50_000).decode(),
        encoded([]),
        encoded({}),
        encoded({"auth_typ": "aad"}),
        encoded({"auth_typ": "aad", "claims": {"oid": ID, "roles": OPERATOR}}),
        encoded({"auth_typ": "aad", "claims": ["oid", None, 1, {"typ": "oid"}, {"val": ID}]}),
        encoded({"userId": ID, "userRoles": [OPERATOR], "identityProvider": "aad"}),  # of Static Web Apps
        principal(("roles", OPERATOR)),
        principal(("oid", ""), ("roles", OPERATOR)),
        principal(("oid", [ID]), ("roles", OPERATOR)),
        principal(("oid", ID), ("oid", "another"), ("roles", OPERATOR)),
        principal(("oid", ID), ("roles", OPERATOR), auth_typ="facebook"),
        principal(("oid", ID), ("roles", OPERATOR), auth_typ=["aad"]),
        principal(("oid", ID), ("name", "x" * MAX_PRINCIPAL_CHARS)),
    ],
)
def test_header_that_app_service_does_not_write_is_nobody(header: str) -> None:
    assert user(header) is None


@pytest.mark.parametrize("role", ["operator", "OPERATOR", " Operator", ["Operator"], {"Operator": 1}, None])
def test_role_is_compared_exactly(role: object) -> None:
    found = user(principal(("oid", ID), ("roles", role)))
    assert found is not None
    assert found.roles == ()


def test_claim_types_that_the_header_itself_names_are_not_trusted() -> None:
    content = {
        "auth_typ": "aad",
        "role_typ": "nickname",
        "claims": [{"typ": "oid", "val": ID}, {"typ": "nickname", "val": OPERATOR}],
    }
    found = user(encoded(content))
    assert found is not None
    assert found.roles == ()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"sign_in": "off"}, "SignInOff"),
        ({"sign_in": "off", "app_service_authentication": "false"}, "SignInOff"),
        ({"app_service_authentication": "false"}, "NotConfigured"),
        ({"app_service_authentication": ""}, "NotConfigured"),
    ],
)
def test_header_proves_nothing_unless_the_setting_and_app_service_agree(changed: dict[str, Any], code: str) -> None:
    with pytest.raises(ApiError) as error:
        user(principal(("oid", ID), ("roles", OPERATOR)), replace(ON, **changed))
    assert error.value.code == code


def test_sign_in_is_off_by_default() -> None:
    assert (SETTINGS.sign_in, SETTINGS.app_service_authentication) == ("off", "false")


@pytest.mark.parametrize("text", ["True", "true"])
def test_settings_read_what_app_service_sets(text: str) -> None:
    found = read_settings({**MINIMAL_SETTINGS, "GIFDROP_SIGN_IN": "on", "WEBSITE_AUTH_ENABLED": text})
    assert (found.sign_in, found.app_service_authentication) == ("on", "true")


def test_settings_refuse_other_words() -> None:
    with pytest.raises(SettingsError, match="GIFDROP_SIGN_IN must be on or off"):
        read_settings({**MINIMAL_SETTINGS, "GIFDROP_SIGN_IN": "yes"})


@pytest.mark.parametrize(
    ("roles", "changes", "allowed"),
    [
        ((), False, False),
        ((), True, False),
        ((VIEWER,), False, True),
        ((VIEWER,), True, False),
        ((OPERATOR,), False, True),
        ((OPERATOR,), True, True),
    ],
)
def test_roles_allow_reading_or_changes(roles: tuple[str, ...], changes: bool, allowed: bool) -> None:
    found = User(id=ID, name="Tom", roles=roles)
    if allowed:
        found.check_role(changes=changes)
        return
    with pytest.raises(ApiError, match="Tom lacks the role"):
        found.check_role(changes=changes)


def test_operator_is_one_only_inside_the_block() -> None:
    assert not is_operator()
    with acting_as_operator():
        assert is_operator()
    assert not is_operator()
