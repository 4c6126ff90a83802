"""A stand-in for Microsoft's test utilities: tests run live, against an emulator of their own."""

from __future__ import annotations

import asyncio
import functools
import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import emulated_account
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


class AzureTestError(Exception):
    """A resource could not be prepared."""


class AzureRecordedTestCase:
    """The base class of the tests."""

    is_live = True

    def get_credential(self, _client: object) -> Any:
        return emulated_account.current().credential()

    def get_resource_name(self, prefix: str) -> str:
        return f"{prefix}1"


AzureMgmtRecordedTestCase = AzureRecordedTestCase


class Preparer:
    """A decorator that makes a resource and passes it to the test as a keyword argument."""

    parameter = ""

    def __init__(self, *_arguments: object, **settings: Any) -> None:
        self.settings = settings

    def create(self, **_resources: Any) -> dict[str, Any]:
        return {self.parameter: SimpleNamespace(name=self.parameter, location="local")}

    def remove(self) -> None:
        pass

    def __call__(self, test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def prepared(case: object, **resources: Any) -> None:
            made = self.create(**resources)
            try:
                result = test(case, **resources, **made)
                if inspect.iscoroutine(result):
                    asyncio.run(result)
            finally:
                self.remove()

        return prepared


class ResourceGroupPreparer(Preparer):
    parameter = "resource_group"


CachedResourceGroupPreparer = ResourceGroupPreparer


class StorageAccountPreparer(Preparer):
    parameter = "storage_account"


class EnvironmentVariableLoader(Preparer):
    """Passes the variables that its arguments name, with their example values."""

    def __init__(self, _service: str, **variables: str) -> None:
        super().__init__()
        self.variables = variables

    def create(self, **_resources: Any) -> dict[str, Any]:
        return dict(self.variables)


def recorded_by_proxy(test: Callable[..., Any]) -> Callable[..., Any]:
    return test


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """The recording proxy, which is not used."""


def trim_kwargs_from_test_function(test: Callable[..., Any], resources: dict[str, Any]) -> None:
    """Remove the keyword arguments that `test` does not take."""
    parameters = inspect.signature(test).parameters
    if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        for name in resources.keys() - parameters.keys():
            del resources[name]


def _ignore(*_arguments: object, **_settings: object) -> None:
    """Recordings are not used."""


set_custom_default_matcher = remove_batch_sanitizers = add_general_regex_sanitizer = _ignore
