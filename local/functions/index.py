"""Indexes an app: imports its function_app.py as Azure's Python worker does and validates its functions."""

from __future__ import annotations

import importlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import azure.functions as func

from local.functions import ncrontab, routing, settings
from local.functions.signature import Signature, check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from azure.functions.decorators.function_app import Function

MODULE = "function_app"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}", re.ASCII)
_BINDINGS = frozenset({"httpTrigger", "http", "timerTrigger", "eventGridTrigger"})


class IndexingError(Exception):
    """The app has functions that Azure or this host cannot run; `problems` lists them with the reasons."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class HostedFunction:
    """One indexed function."""

    name: str
    call: Callable[..., Any]
    directory: str
    trigger: Mapping[str, Any]
    signature: Signature
    raw_bindings: tuple[Mapping[str, Any], ...]
    disabled: bool
    """Whether the setting `AzureWebJobs.<name>.Disabled` disables its trigger."""

    @property
    def kind(self) -> str:
        """The type of its trigger: `httpTrigger`, `timerTrigger` or `eventGridTrigger`."""
        return str(self.trigger["type"])


def load(app: Path, *, environ: Mapping[str, str]) -> list[HostedFunction]:
    """The functions of the app in the directory `app`, ordered by name; raises IndexingError.

    Appends the app's root to sys.path, as the real worker does: installed packages take precedence over the app's.
    """
    root = app.resolve()
    if not (root / f"{MODULE}.py").is_file():
        raise IndexingError(f"{root} has no {MODULE}.py")
    own = {root, Path(__file__).resolve().parents[2]}  # the app must not import from the host's root
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() not in own] + [str(root)]
    os.chdir(root)
    try:
        functions = _functions(importlib.import_module(MODULE))
    except Exception as error:
        raise IndexingError(f"{MODULE}.py could not be indexed: {type(error).__name__}: {error}") from error
    return _validated(functions, environ=environ)


def _functions(module: ModuleType) -> list[Function]:
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise ValueError(f"it must define exactly one FunctionApp at its top level, not {len(apps)}")
    return apps[0].get_functions()  # may be called only once


def _validated(functions: list[Function], *, environ: Mapping[str, str]) -> list[HostedFunction]:
    problems, hosted = [], []
    for function in functions:
        try:
            hosted.append(_hosted(function, environ=environ))
        except (ValueError, LookupError) as error:
            problems.append(f"The '{function.get_function_name()}' function is in error: {error}")
    names = [function.name.lower() for function in hosted]
    problems += [f"more than one function is named '{name}'" for name in sorted(set(names)) if names.count(name) > 1]
    if not functions:
        problems.append("no functions found")
    if problems:
        raise IndexingError(*problems)
    return sorted(hosted, key=lambda function: function.name.upper())


def _hosted(function: Function, *, environ: Mapping[str, str]) -> HostedFunction:
    name = function.get_function_name() or ""
    if not _NAME.fullmatch(name) or name.lower() == "host":
        raise ValueError(
            f"'{name}' is not a valid function name: use letters, digits, '_' and '-', starting with a letter"
        )
    for binding in function.get_bindings():
        if binding.type not in _BINDINGS:
            raise ValueError(f"this host does not support bindings of type '{binding.type}'")
    signature = check(function)
    trigger = dict(signature.trigger.get_dict_repr())
    for key in ("schedule", "route"):
        if isinstance(trigger.get(key), str):
            trigger[key] = settings.resolve(trigger[key], environ)
    if "schedule" in trigger:
        ncrontab.parse(trigger["schedule"])
    if trigger["type"] == "httpTrigger":
        routing.parse(trigger["route"])
    user_function = function.get_user_function()
    return HostedFunction(
        name=name,
        call=user_function,
        directory=str(Path(user_function.__code__.co_filename).parent),
        trigger=trigger,
        signature=signature,
        raw_bindings=tuple(binding.get_dict_repr() for binding in function.get_bindings()),
        disabled=settings.is_disabled(name, environ),
    )
