"""Options that several commands share, as decorators."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.connection import Connection
from shared.options import FITS, METADATA, METADATA_PREFIX, PRESETS, InvalidOptionError, Options, options_from
from shared.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., None]

_MAX_SECONDS = 86_400
"""The app has its own, lower limit for the duration."""
HELP = {
    "preset": "Quality and size. Default: balanced.",
    "width": "Pixels, 16 to 1920; videos are never enlarged.",
    "height": "Pixels, 16 to 1920.",
    "fit": "What a GIF with both width and height is like. Default: inside.",
    "crop": "An aspect such as 1:1, or width:height:x:y in pixels of the video.",
    "fps": "Frames a second, 1 to 50.",
    "start": "Seconds into the video.",
    "duration": "Seconds of the video.",
    "speed": "0.25 to 8; 2 is twice as fast as the video.",
    "reverse": "Play backwards.",
    "boomerang": "Play forwards, then backwards.",
    "loop": "How often the GIF repeats; 0 is forever.",
    "max_bytes": "Largest size of the GIF, such as 2MB or 500KB.",
    "target": "Keep the limits of the place where the GIF will be shown.",
    "also": "What to make beside the GIF: poster, webp, or poster,webp.",
}
_CHOICES = {"preset": PRESETS, "fit": FITS, "target": tuple(TARGETS)}
_VALUES = {"crop": "CROP", "max_bytes": "SIZE", "also": "LIST"}
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
        texts = {option: arguments.pop(key) for option, key in METADATA.items()}
        given = {option: text for option, text in texts.items() if text is not None}
        try:
            options_from(given, Options(), max_seconds=_MAX_SECONDS, label=flag)
        except InvalidOptionError as error:
            raise click.UsageError(str(error)) from None
        command(metadata={METADATA[option]: text for option, text in given.items()}, **arguments)

    return _with(tuple(_gif_option(option) for option in METADATA), with_metadata)


def flag(option: str) -> str:
    """The command-line flag of an option: `max_bytes` -> `--max-bytes`."""
    return "--" + METADATA[option].removeprefix(METADATA_PREFIX).replace("_", "-")


def _gif_option(option: str) -> Callable[[Command], Command]:
    text = HELP[option]
    if isinstance(getattr(Options(), option), bool):
        return click.option(flag(option), METADATA[option], flag_value="true", default=None, help=text)
    choices = _CHOICES.get(option)
    if choices is not None:
        return click.option(flag(option), METADATA[option], type=click.Choice(choices), help=text)
    return click.option(flag(option), METADATA[option], metavar=_VALUES.get(option, "N"), help=text)


def out_option(command: Command) -> Command:
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("out"),
        help="Folder for the GIFs. Default: out.",
    )(command)
