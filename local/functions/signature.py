"""Checks a Python function against its bindings by the rules of Azure's Python worker."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import azure.functions as func
from azure.functions import meta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.functions.decorators.core import Trigger
    from azure.functions.decorators.function_app import Function


class SignatureError(ValueError):
    """The function's arguments or annotations do not match its bindings."""


@dataclass(frozen=True)
class Signature:
    """How to call the function."""

    trigger: Trigger
    takes_context: bool
    is_async: bool
    returns: str | None
    """The binding type that encodes its result; None if it must return nothing."""


class Converter(Protocol):
    """The interface of azure-functions' converters: triggers are decoded, outputs encoded."""

    def check_input_type_annotation(self, pytype: type) -> bool: ...

    def check_output_type_annotation(self, pytype: type) -> bool: ...

    def decode(self, data: meta.Datum, *, trigger_metadata: Mapping[str, meta.Datum]) -> object: ...

    def encode(self, obj: object, *, expected_type: type | None) -> meta.Datum: ...


def converter(binding_type: str | None) -> Converter:
    """azure-functions' own converter for a binding type."""
    found: Converter | None = meta.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]
    if found is None:
        raise SignatureError(f"azure-functions has no binding of type '{binding_type}'")
    return found


def check(function: Function) -> Signature:
    """Check a built `azure.functions` Function with one trigger and at most a `$return`; raises SignatureError."""
    user_function = function.get_user_function()
    trigger = function.get_trigger()
    if trigger is None:
        raise SignatureError("it has no trigger")
    bindings = {binding.name: binding for binding in function.get_bindings()}
    if len(bindings) < len(function.get_bindings()):
        raise SignatureError("two of its bindings have the same name")
    arguments = set(inspect.signature(user_function).parameters)
    try:
        annotations = typing.get_type_hints(user_function)
    except Exception as error:
        raise SignatureError(f"its annotations cannot be read: {error}") from error

    takes_context = "context" in arguments and "context" not in bindings
    if takes_context:
        arguments.discard("context")
        if getattr(annotations.get("context", func.Context), "__name__", None) != "Context":
            raise SignatureError("its argument 'context' must be annotated azure.functions.Context")

    bound = set(bindings) - {"$return"}
    if arguments - bound:
        raise SignatureError(f"the arguments {sorted(arguments - bound)} are declared in Python but have no binding")
    if bound - arguments:
        raise SignatureError(f"the bindings {sorted(bound - arguments)} are not arguments of the Python function")
    if bound != {trigger.name}:
        raise SignatureError("this host supports no bindings except the trigger and '$return'")

    annotation = annotations.get(trigger.name)
    if trigger.name in annotations and not (
        isinstance(annotation, type) and converter(trigger.type).check_input_type_annotation(annotation)
    ):
        raise SignatureError(f"'{trigger.name}' of type {trigger.type} does not match its annotation {annotation!r}")

    output = bindings.get("$return")
    result = annotations.get("return")
    if output is not None and "return" in annotations:
        if not isinstance(result, type):
            raise SignatureError(f"its return annotation {result!r} is not a type")
        if not converter(output.type).check_output_type_annotation(result):
            raise SignatureError(f"its return annotation {result!r} does not match the binding '{output.type}'")
    return Signature(
        trigger=trigger,
        takes_context=takes_context,
        is_async=inspect.iscoroutinefunction(user_function),
        returns=None if output is None else output.type,
    )
