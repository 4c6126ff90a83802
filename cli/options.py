"""Options that several commands share, as decorators."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.connection import Connection
from shared.options import METADATA, PRESETS, InvalidOptionError, Options, options_from

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., None]

_MAX_SECONDS = 86_400
"""The app has its own, lower limit for the duration."""
VIDEOS = click.argument("videos", nargs=-1, type=click.Path(path_type=Path), metavar="[VIDEO]...")


def json_option(command: Command) -> Command:
    text = "Print JSON for programs on standard output; sentences go to standard error."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def connected(command: Command) -> Command:
    """Add the options that choose an app, as the argument `connection`."""

    @functools.wraps(command)
    def with_connection(
        *,
        url: str | None,
        key: str | None,
        operator_key: str | None,
        directory: Path | None,
        storage_url: str | None = None,
        **rest: object,
    ) -> None:
        connection = Connection(
            url=url or None,
            key=key or None,
            operator_key=operator_key or None,
            storage_url=storage_url or None,
            directory=directory,
        )
        return command(connection=connection, **rest)

    options = (
        click.option("--url", envvar="GIFDROP_URL", help="Address of a deployed app. Environment: GIFDROP_URL."),
        click.option(
            "--key",
            envvar="GIFDROP_KEY",
            help="Function key of the app. Better in the environment, GIFDROP_KEY: others can see arguments.",
        ),
        click.option("--operator-key", envvar="GIFDROP_OPERATOR_KEY", hidden=True),
        click.option(
            "--dir",
            "directory",
            type=click.Path(path_type=Path),
            help="Data directory of a local stack, even if GIFDROP_URL is set. Default: .local of the checkout.",
        ),
    )
    return _with(options, json_option(with_connection))


def _with(options: tuple[Callable[[Command], Command], ...], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def gif_options(command: Command) -> Command:
    """Add the options of a GIF, as the argument `metadata`."""

    @functools.wraps(command)
    def with_metadata(**arguments: str | None) -> None:
        texts = {name: arguments.pop(f"gif_{name}") for name in METADATA}
        given = {name: text for name, text in texts.items() if text is not None}
        try:
            options_from(given, Options(), max_seconds=_MAX_SECONDS, label=lambda name: f"--{name}")
        except InvalidOptionError as error:
            raise click.UsageError(str(error)) from None
        return command(metadata={METADATA[name]: text for name, text in given.items()}, **arguments)

    helps = {
        "preset": "Quality and size: small, balanced or best.",
        "width": "Pixels, 16 to 1920; videos are never enlarged.",
        "fps": "Frames a second, 1 to 50.",
        "start": "Seconds into the video.",
        "duration": "Seconds of the video.",
        "loop": "How often the GIF repeats; 0 is forever.",
    }
    options = tuple(
        click.option(
            f"--{name.replace('_', '-')}",
            f"gif_{name}",
            type=click.Choice(PRESETS) if name == "preset" else str,
            metavar=None if name == "preset" else "N",
            help=helps.get(name),
        )
        for name in METADATA
    )
    return _with(options, with_metadata)


def out_option(command: Command) -> Command:
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("out"),
        help="Folder for the GIFs. Default: out.",
    )(command)
