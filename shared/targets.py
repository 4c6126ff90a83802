"""Places that a GIF can be made for, and the limits that they publish."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """Limits of one place; `None` is none. `source` is the page that publishes them.

    Where a page leaves open whether a KB has 1000 or 1024 bytes, it is 1000 here: the GIF fits either way.
    """

    bytes: int
    width: int | None = None
    """Pixels, as `height`."""
    height: int | None = None
    frames: int | None = None
    source: str


TARGETS: dict[str, Target] = {
    "github": Target(
        bytes=10_000_000,
        source="https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/attaching-files",
    ),
    "discord": Target(bytes=20 * 2**20, source="https://discord.com/developers/docs/reference#uploading-files"),
    "discord-emoji": Target(
        bytes=256_000,
        width=128,
        height=128,
        source="https://support.discord.com/hc/en-us/articles/360036479811-Custom-Emojis",
    ),
    "slack-emoji": Target(
        bytes=128_000,
        width=128,
        height=128,
        frames=50,
        source="https://slack.com/help/articles/206870177-Add-custom-emoji-and-aliases-to-your-workspace",
    ),
    "x": Target(
        bytes=15_000_000,
        width=1280,
        height=1080,
        frames=350,
        source="https://docs.x.com/x-api/media/quickstart/best-practices",
    ),
    "email": Target(bytes=1_000_000, width=600, source="https://mailchimp.com/help/troubleshoot-images-in-campaigns/"),
}
"""Name of a place, as in `gif_for` -> its limits. docs/options.md shows them to owners."""
