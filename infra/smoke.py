"""The smoke test of a deployment: makes a short video and waits for its conversion to end.

python -m infra.smoke make FILE | wait URL VIDEO  (`wait` takes the function key from GIFDROP_KEY)
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

TIMEOUT_SECONDS = 1200.0
"""An empty pool takes some minutes to start its first node."""
KEY_GRACE_SECONDS = 120.0
"""A newly published app rejects its own keys until it has loaded them."""


def make(path: Path) -> None:
    """A real two-second H.264 MP4."""
    import imageio_ffmpeg  # noqa: PLC0415  # `wait` runs in a deployment that installs nothing

    path.parent.mkdir(parents=True, exist_ok=True)
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=24:duration=2"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *source]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-c:v", "libx264", str(path)], check=True)


def wait(
    url: str,
    video: str,
    key: str,
    *,
    timeout: float = TIMEOUT_SECONDS,
    key_grace: float = KEY_GRACE_SECONDS,
    interval: float = 5.0,
) -> dict[str, object]:
    """Polls `GET status/{video}` every `interval` seconds until it has succeeded or failed, and returns the response.

    Raises TimeoutError after `timeout` seconds, and PermissionError if the key is still rejected after `key_grace`.
    """
    address = f"{url.rstrip('/')}/api/status/{urllib.parse.quote(video)}"
    request = urllib.request.Request(address, headers={"x-functions-key": key})  # noqa: S310  # the app's own address
    start = time.monotonic()
    last = ""
    while time.monotonic() < start + timeout:
        state = "waiting for the app"
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # the app's own address
                status: dict[str, object] = json.load(response)
            if status["state"] in ("succeeded", "failed"):
                return status
            state = str(status["state"])
        except urllib.error.HTTPError as error:
            if error.code in (401, 403) and time.monotonic() > start + key_grace:
                raise PermissionError("the app rejects the function key") from None
            state = "waiting for the event" if error.code == 404 else f"the app returned {error.code}"
        except (OSError, ValueError):
            pass
        if state != last:
            print(f"{video}: {state}", flush=True)
            last = state
        time.sleep(interval)
    raise TimeoutError(f"{video} was not converted within {timeout:.0f} s; last state: {last}")


def main(arguments: list[str]) -> int:
    match arguments:
        case ["make", file]:
            make(Path(file))
            return 0
        case ["wait", url, video]:
            try:
                interval = float(os.environ.get("GIFDROP_PAUSE_SECONDS", "5"))
                status = wait(url, video, os.environ["GIFDROP_KEY"], interval=interval)
            except (TimeoutError, PermissionError) as error:
                print(error, file=sys.stderr)
                return 1
            print(json.dumps({name: status.get(name) for name in ("video", "state", "gif", "error")}, indent=2))
            return 0 if status["state"] == "succeeded" else 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
