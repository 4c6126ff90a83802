"""App settings in bindings (`%NAME%`), disabled functions, and host.json."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from local.functions.ncrontab import InvalidScheduleError, parse_time_span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class MissingSettingError(LookupError):
    """A binding refers to an app setting that is not set."""


class InvalidHostFileError(ValueError):
    """host.json is missing or invalid."""


def resolve(text: str, settings: Mapping[str, str]) -> str:
    """`text` with each `%NAME%` replaced by that app setting; raises MissingSettingError."""

    def value(match: re.Match[str]) -> str:
        found = settings.get(match[1])
        if not found:
            raise MissingSettingError(f"'%{match[1]}%' does not resolve to a value: set the app setting {match[1]}")
        return found

    return re.sub(r"%([^%]*)%", value, text)


def is_disabled(function: str, settings: Mapping[str, str]) -> bool:
    """Whether the settings disable a function; `__` may replace the dots, which shells do not allow in names."""
    names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs__{function}__Disabled")
    return any(settings.get(name, "").lower() in ("1", "true") for name in names)


@dataclass(frozen=True)
class HostFile:
    """The options of host.json that this host supports."""

    route_prefix: str = "api"
    function_timeout: timedelta | None = timedelta(minutes=30)


def read_host_file(path: Path, environ: Mapping[str, str]) -> HostFile:
    """Read host.json; raises InvalidHostFileError if it is missing, invalid or not version 2.0.

    The app setting AzureFunctionsJobHost__functionTimeout overrides `functionTimeout`.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidHostFileError(f"{path}: {error}") from error
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise InvalidHostFileError(f'{path}: "version" must be "2.0"')
    http = content.get("extensions", {}).get("http", {})
    timeout = environ.get("AzureFunctionsJobHost__functionTimeout", content.get("functionTimeout"))
    try:
        return HostFile(
            route_prefix=str(http.get("routePrefix", HostFile.route_prefix)).strip("/"),
            function_timeout=HostFile.function_timeout if timeout is None else _timeout(timeout),
        )
    except InvalidScheduleError as error:
        raise InvalidHostFileError(f"{path}: functionTimeout: {error}") from error


def _timeout(text: str) -> timedelta | None:
    return None if text == "-1" else parse_time_span(text)
