"""The commands of `gifdrop`, their options and their help.

Each command imports its module only when it runs: the help and the shell's completion start in a tenth of a second,
the SDKs take one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import VIDEOS, connected, gif_options, json_option, out_option

if TYPE_CHECKING:
    from cli.connection import Connection
    from cli.output import Output

SERVICES = ("storage", "identity", "batch", "functions", "events")

_HELP = """Convert videos to GIFs, and see how they are doing.

Commands talk to the local stack in .local of the checkout, or to the one that --dir names. If GIFDROP_URL is set, they
talk to that deployed app.

\b
Environment:
  GIFDROP_URL           address of a deployed app, https://APP.azurewebsites.net
  GIFDROP_KEY           one of its function keys
  GIFDROP_OPERATOR_KEY  the key for changes, if the app requires one
  GIFDROP_STORAGE_URL   its storage account: `drop` then uploads with your own
                        identity in Azure, not by links that the app signs
  NO_COLOR              no colours

\b
Exit codes:
  0    done
  1    a video failed or was refused, or a check is not ok
  2    wrong arguments, or no video in what was given
  3    no stack is running, or the app does not answer
  4    the key or your identity is rejected
  5    the local stack cannot start, or a service of it crashed
  130  stopped by Ctrl-C (`up` and `drop --watch` then end with 0)

\b
Examples:
  gifdrop demo                       try it
  gifdrop up                         start the local stack, then elsewhere:
  gifdrop drop cats/ --preset small  convert every video in a folder
  gifdrop list --state failed        what failed, and why
"""


@click.group(
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    # With options alone click would print nothing but an error.
    no_args_is_help=True,
)
@click.version_option(package_name="gifdrop", message="gifdrop %(version)s")
def gifdrop() -> None:
    """The command `gifdrop`."""


@gifdrop.command()
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path), help="Data directory. Default: .local of the checkout."
)
@json_option
def up(directory: Path | None, *, as_json: bool, **ports: int | None) -> None:
    """Run the whole stack on this machine until Ctrl-C.

    Blobs, keys and logs stay in the data directory; the next `up` there goes on with them. The services listen on
    127.0.0.1, if they are free on the ports 7071 (functions), 10100 (batch) and 10000 (storage).

    \b
    Examples:
      gifdrop up
      gifdrop up --dir /tmp/second --port-functions 8080
      gifdrop up --json | head -1        the addresses, as JSON
    """
    from cli.run import run
    from cli.target import LOCAL_DIRECTORY
    from cli.up import up as execute

    given = {name.removeprefix("port_"): port for name, port in ports.items() if port is not None}
    run(
        lambda output: execute(directory=(directory or LOCAL_DIRECTORY).resolve(), ports=given, output=output),
        as_json=as_json,
        stop_is_success=True,
    )


for _name in SERVICES:
    up = click.option(
        f"--port-{_name}", type=click.IntRange(1, 65535), metavar="PORT", help=f"Port of the service {_name}."
    )(up)


@gifdrop.command()
@VIDEOS
@gif_options
@out_option
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path), help="Data directory. Default: .local/demo of the checkout."
)
@json_option
def demo(
    videos: tuple[Path, ...], directory: Path | None, out: Path, metadata: dict[str, str], *, as_json: bool
) -> None:
    """Start a temporary stack, convert videos with it, and stop it.

    VIDEO is a file or a folder of videos; without one, a sample is generated.

    \b
    Examples:
      gifdrop demo
      gifdrop demo holiday.mp4 --preset best --width 640
      gifdrop demo ~/Videos --out ~/Pictures/gifs
    """
    from cli.demo import demo as execute
    from cli.run import run
    from cli.target import LOCAL_DIRECTORY

    where = (directory or LOCAL_DIRECTORY / "demo").resolve()
    run(
        lambda output: execute(videos, directory=where, out=out, metadata=metadata, output=output),
        as_json=as_json,
    )


@gifdrop.command()
@VIDEOS
@click.option(
    "--watch",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Convert every video in the folder and those that are added or changed later, until Ctrl-C.",
)
@gif_options
@out_option
@click.option(
    "--storage-url",
    envvar="GIFDROP_STORAGE_URL",
    help="Upload straight to this storage account, with your own identity. Environment: GIFDROP_STORAGE_URL.",
)
@connected
def drop(
    videos: tuple[Path, ...],
    watch: Path | None,
    out: Path,
    metadata: dict[str, str],
    connection: Connection,
    *,
    as_json: bool,
) -> None:
    """Upload videos and save their GIFs.

    VIDEO is a file or a folder of videos (MP4, M4V, MOV, WebM, MKV). A folder's videos are named by their path in it,
    and so are the GIFs.

    \b
    Examples:
      gifdrop drop tom.mp4
      gifdrop drop cats/ dogs.mp4 --preset small --duration 5
      gifdrop drop --watch ~/Videos/clips --out ~/Pictures/gifs
      gifdrop drop cats/ --json | jq -r .saved
    """
    if bool(videos) == bool(watch):
        raise click.UsageError("Give either videos or --watch FOLDER.")
    from cli.drop import drop as execute
    from cli.drop import drop_from
    from cli.run import run
    from cli.target import find_target

    async def work(output: Output) -> int:
        target = find_target(connection)
        if watch is not None:
            return await drop_from(watch, target=target, out=out, metadata=metadata, output=output)
        return await execute(videos, target=target, out=out, metadata=metadata, output=output)

    run(work, as_json=as_json, stop_is_success=watch is not None)


@gifdrop.command("list")
@click.option(
    "--state", type=click.Choice(("queued", "running", "succeeded", "failed")), help="Only videos in this state."
)
@click.option("--prefix", default="", help="Only videos whose names begin with this.")
@click.option("--sort", type=click.Choice(("newest", "name")), default="newest", help="Default: newest first.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, help="At most this many. Default: 50.")
@connected
def list_command(
    state: str | None, prefix: str, sort: str, limit: int, connection: Connection, *, as_json: bool
) -> None:
    """List videos: their state, their GIF, or why they failed.

    \b
    Examples:
      gifdrop list
      gifdrop list --state failed --limit 1000
      gifdrop list --prefix cats/ --sort name
      gifdrop list --json | jq -r '.videos[] | select(.state == "failed") | .video'
    """
    from cli.queries import MAX_PAGE, show_list
    from cli.run import run
    from cli.target import find_target

    if sort == "newest" and limit > MAX_PAGE:
        raise click.UsageError(f"With --sort newest, --limit is at most {MAX_PAGE}. Use --sort name.")

    async def work(output: Output) -> int:
        target = find_target(connection)
        return await show_list(target=target, state=state, prefix=prefix, sort=sort, limit=limit, output=output)

    run(work, as_json=as_json)


@gifdrop.command()
@click.argument("video")
@connected
def show(video: str, connection: Connection, *, as_json: bool) -> None:
    """Show everything about one video.

    VIDEO is its name in the container, as `gifdrop list` prints it. The exit code is 1 if it failed.

    \b
    Examples:
      gifdrop show cats/tom.mp4
      gifdrop show cats/tom.mp4 --json | jq .gif.bytes
    """
    from cli.queries import show as execute
    from cli.run import run
    from cli.target import find_target

    async def work(output: Output) -> int:
        return await execute(video, target=find_target(connection), output=output)

    run(work, as_json=as_json)


@gifdrop.command()
@click.argument("videos", nargs=-1, metavar="[VIDEO]...")
@click.option("--failed", is_flag=True, help="All videos that failed.")
@click.option("--error", "code", metavar="CODE", help="With --failed: only those with this error code.")
@connected
def retry(videos: tuple[str, ...], code: str | None, connection: Connection, *, failed: bool, as_json: bool) -> None:
    """Convert failed videos again.

    It helps where a node or a service failed. A video that is at fault itself fails again: upload another.

    \b
    Examples:
      gifdrop retry cats/tom.mp4
      gifdrop retry --failed --error ConverterFailed
    """
    if bool(videos) == failed:
        raise click.UsageError("Give either videos or --failed.")
    if code and not failed:
        raise click.UsageError("--error needs --failed.")
    from cli.queries import retry as execute
    from cli.run import run
    from cli.target import find_target

    async def work(output: Output) -> int:
        return await execute(videos, failed=failed, code=code, target=find_target(connection), output=output)

    run(work, as_json=as_json)


@gifdrop.command("open")
@click.argument("video", required=False)
@connected
def open_command(video: str | None, connection: Connection, *, as_json: bool) -> None:
    """Open the page, or the GIF of VIDEO, in a browser.

    \b
    Examples:
      gifdrop open
      gifdrop open cats/tom.mp4
      gifdrop open --json | jq -r .url     only print the address
    """
    from cli.queries import open_page
    from cli.run import run
    from cli.target import find_target

    async def work(output: Output) -> int:
        return await open_page(video, target=find_target(connection), output=output)

    run(work, as_json=as_json)


@gifdrop.command()
@connected
def doctor(connection: Connection, *, as_json: bool) -> None:
    """Check this machine and the app, and say what to do.

    The exit code is 1 if a check is not ok.

    \b
    Examples:
      gifdrop doctor
      GIFDROP_URL=https://APP.azurewebsites.net GIFDROP_KEY=... gifdrop doctor
    """
    from cli.doctor import doctor as execute
    from cli.run import run

    run(lambda output: execute(connection, output=output), as_json=as_json)


@gifdrop.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the shell's script that completes commands and options.

    \b
    Examples:
      eval "$(gifdrop completion bash)"      in ~/.bashrc
      eval "$(gifdrop completion zsh)"       in ~/.zshrc, after compinit
      gifdrop completion fish > ~/.config/fish/completions/gifdrop.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None, "the choices are those that click has"  # noqa: S101
    click.echo(found(gifdrop, {}, "gifdrop", "_GIFDROP_COMPLETE").source())
