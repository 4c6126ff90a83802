"""Help, completion and options: what needs no app."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.errors import ExitCode
from cli.main import SERVICES, gifdrop
from cli.options import HELP
from local.services import NAMES
from shared.options import METADATA
from tests.cli.commands import environment


def test_every_command_has_examples_in_its_help() -> None:
    for name in gifdrop.commands:
        done = CliRunner().invoke(gifdrop, [name, "--help"])
        assert done.exit_code == 0
        assert "Examples:" in done.output, name


def test_help_documents_every_exit_code() -> None:
    text = CliRunner().invoke(gifdrop, ["--help"]).output
    for code in ExitCode:
        assert f"\n    {code.value}    " in text


def test_every_command_prints_json_on_request() -> None:
    for name, command in gifdrop.commands.items():
        assert name == "completion" or "--json" in {flag for option in command.params for flag in option.opts}


def test_options_are_those_of_the_app_and_of_the_stack() -> None:
    assert HELP.keys() == METADATA.keys()
    assert SERVICES == NAMES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["drop", "a.mp4", "--width", "5"], "--width must be a whole number from 16 to 1920."),
        (["drop", "a.mp4", "--crop", "1:1:1"], "--crop must be an aspect"),
        (["drop"], "Give either videos or --watch FOLDER."),
        (["drop", "--watch", "missing"], "'missing' does not exist"),
        (["retry"], "Give either videos or --failed."),
        (["retry", "a.mp4", "--error", "X"], "--error needs --failed."),
        (["list", "--limit", "2000"], "Use --sort name."),
        (["up", "--port-functions", "0"], "--port-functions"),
    ],
)
def test_wrong_arguments_end_with_code_2(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(gifdrop, arguments)
    assert done.exit_code == ExitCode.USAGE
    assert message in done.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(shell: str) -> None:
    done = CliRunner().invoke(gifdrop, ["completion", shell])
    assert done.exit_code == 0
    assert f"_GIFDROP_COMPLETE={shell}_complete" in done.output


def test_bash_completes_commands_and_choices(tmp_path: Path) -> None:
    # The script calls `gifdrop`, which is found in a virtual environment only.
    (tmp_path / "gifdrop").write_text(f'#!/bin/sh\nexec {sys.executable} -m cli "$@"\n')
    (tmp_path / "gifdrop").chmod(0o755)
    play = """
    eval "$(gifdrop completion bash 2>/dev/null)"
    COMP_WORDS=(gifdrop dr); COMP_CWORD=1; _gifdrop_completion gifdrop; echo "${COMPREPLY[@]}"
    COMPREPLY=(); COMP_WORDS=(gifdrop list --state f); COMP_CWORD=3; _gifdrop_completion gifdrop; echo "${COMPREPLY[@]}"
    """
    variables = environment()
    done = subprocess.run(
        ["/bin/bash", "-c", play],
        env=variables | {"PATH": f"{tmp_path}:{variables['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["drop", "failed"]


def test_click_is_the_only_library_that_help_imports() -> None:
    """Completion runs the command at every key: the SDKs would take a second."""
    code = "import sys, cli.main; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert not {"aiohttp", "azure", "rich", "psutil"} & set(done.stdout.split())
    assert click.__name__ in done.stdout
