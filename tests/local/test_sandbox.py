"""The local stack confines ffmpeg where the kernel can."""

import pytest

from local import sandbox
from local.sandbox import sandbox_mode
from local.stack import Stack


def test_sandbox_is_optional_only_where_it_cannot_be_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_ENTER", "raise OSError('no Landlock')")
    assert sandbox_mode() == "optional"
    monkeypatch.setattr(sandbox, "_ENTER", "")
    assert sandbox_mode() == "required"


def test_stack_requires_the_sandbox_if_the_kernel_has_it(stack: Stack) -> None:
    assert stack.env["GIFDROP_SANDBOX"] == sandbox_mode()
