"""One conversion from command line to verdict: probe, judge, decode, encode, check, result.json."""

import json
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from node import gif, options, probe, recipe, run, sandbox
from node.failure import blame
from node.make import Workshop, choose_dither, decode, encode
from node.progress import Progress, replace_json
from node.verdict import MachineTrouble, Rejected

PROBE_TIMEOUT: Final = 60.0


@dataclass(kw_only=True)
class Conversion:
    """The state of one run; `seconds` is time spent by phase."""

    tools: Path
    work: Path
    progress: Progress
    preset: str = "balanced"
    source: probe.Source | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def binary(self) -> Path:
        """The ffmpeg of the package; never one from PATH."""
        return self.tools / "ffmpeg"

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Report the phase and add up its time."""
        self.progress.report(name)
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 3)


def main(arguments: Sequence[str], *, tools: Path, work: Path) -> int:
    """Convert; writes `result.json` and returns 0 when the file was judged, 1 when the machine is in trouble."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for stale in ("out.gif", "result.json", "progress.json"):
        (work / stale).unlink(missing_ok=True)
    conversion = Conversion(tools=tools, work=work, progress=Progress(path=work / "progress.json"))
    made: gif.Gif | None = None
    rejected: Rejected | None = None
    try:
        made = _convert(conversion, arguments)
    except Rejected as verdict:
        rejected = verdict
    except (MachineTrouble, OSError) as trouble:
        print(f"cannot convert on this machine: {trouble}", file=sys.stderr)
        return 1
    replace_json(work / "result.json", _result(conversion, made, rejected))
    print(json.dumps(_result(conversion, made, rejected), ensure_ascii=False))
    return 0


def _convert(conversion: Conversion, arguments: Sequence[str]) -> gif.Gif:
    asked = options.parse(arguments)
    conversion.preset = asked.preset
    if not conversion.binary.is_file():
        raise MachineTrouble(f"{conversion.binary} is missing")
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=conversion.work, ignore_cleanup_errors=True) as scratch:
        with conversion.phase("judging"):
            conversion.source = _probe(conversion, asked, Path(scratch))
            plan = recipe.plan(conversion.source, asked)
            conversion.notes.extend(plan.notes)
        return _make(conversion, plan, asked, Path(scratch))


def _make(conversion: Conversion, plan: recipe.Plan, asked: options.Options, scratch: Path) -> gif.Gif:
    shop = Workshop(
        binary=conversion.binary,
        scratch=scratch,
        plan=plan,
        options=asked,
        progress=conversion.progress,
        notes=conversion.notes,
    )
    with conversion.phase("decoding"):
        count = decode(shop)
    with conversion.phase("dither"):
        dither = choose_dither(shop, count)
    with conversion.phase("frames"):
        made = encode(shop, count=count, dither=dither)
    with conversion.phase("checking"):
        if not made.frames:
            raise Rejected("NothingDecoded", "No frame of the video could be decoded.")
        shop.draft.rename(conversion.work / "out.gif")
    conversion.progress.report("checking", 1.0)
    return made


def _probe(conversion: Conversion, asked: options.Options, scratch: Path) -> probe.Source:
    if not asked.source.is_file():
        raise MachineTrouble(f"{asked.source} is not there")
    path = asked.source.absolute()
    finished = run.ffmpeg(
        binary=conversion.binary,
        arguments=recipe.probing(path, max_pixels=asked.max_pixels),
        work=scratch,
        reads=[path],
        timeout=PROBE_TIMEOUT,
        file_size=0,
    )
    if finished.ended == "exit" and not probe.first_line(finished.lines, "ffmpeg version"):
        raise MachineTrouble(f"ffmpeg does not run here (exit {finished.code}): {' '.join(finished.lines[:3])}")
    if finished.ended != "exit" or finished.code < 0:
        raise blame(finished)
    return probe.read(finished.lines, path=path, max_pixels=asked.max_pixels)


def _result(conversion: Conversion, made: gif.Gif | None, rejected: Rejected | None) -> dict[str, Any]:
    source = conversion.source
    shown = ("codec", "width", "height", "fps", "duration_seconds", "bytes")
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    return {
        "verdict": "rejected" if rejected else "converted",
        "code": rejected.code if rejected else None,
        "message": rejected.message if rejected else None,
        "evidence": rejected.evidence if rejected else None,
        "source": {name: getattr(source, name) for name in shown} if source else None,
        "gif": asdict(made) if made else None,
        "seconds": conversion.seconds,
        "peak_memory_bytes": peak * 1024,
        "preset": conversion.preset,
        "sandbox": sandbox.available(),
        "ffmpeg_version": source.ffmpeg_version if source else None,
        "notes": conversion.notes,
    }
