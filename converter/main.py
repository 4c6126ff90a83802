"""One conversion, from the command line to result.json: probe, plan, decode, encode, check."""

import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from converter.encoding import beside, ffmpeg_args, fit
from converter.encoding.encode import Workspace, decode
from converter.formats import gif
from converter.planning import options
from converter.planning.plan import Plan, make_plan
from converter.process import ffmpeg, scratch, survivors
from converter.process.classify import classify_failure
from converter.progress import SPANS_WITH_FILES, Progress, replace_json
from converter.verdict import NodeFailure, Rejected
from converter.video import probe
from converter.video.container import HEADER_BYTES, demuxer_of

PROBE_TIMEOUT_SECONDS: Final = 60.0


@dataclass(kw_only=True)
class Conversion:
    """The state of one run; `seconds` is the time spent in each phase."""

    tools: Path
    work: Path
    progress: Progress
    preset: str = "balanced"
    source: probe.Source | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    notes: list[str] = field(default_factory=list)
    encodes: int = 0
    """GIFs encoded until one was good."""
    files: list[beside.File] = field(default_factory=list)
    """What was made beside the GIF."""
    sandbox: set[str] | None = None
    """Parts of the sandbox that every run of ffmpeg has entered; None before the first."""

    @property
    def binary(self) -> Path:
        """The package's ffmpeg; never one from PATH."""
        return self.tools / "ffmpeg"

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Report the start of a phase and measure its time."""
        self.progress.report(name)
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 3)


def main(arguments: Sequence[str], *, tools: Path, work: Path) -> int:
    """Convert; returns 0 when `result.json` holds a verdict, 1 when the node failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for stale in ("out.gif", *beside.FILES.values(), "result.json", "progress.json"):
        (work / stale).unlink(missing_ok=True)
    conversion = Conversion(tools=tools, work=work, progress=Progress(path=work / "progress.json"))
    made: gif.Gif | None = None
    rejected: Rejected | None = None
    try:
        survivors.adopt()
        made = _convert(conversion, arguments)
    except Rejected as verdict:
        rejected = verdict
    except (NodeFailure, OSError, ValueError, ArithmeticError) as error:
        print(f"cannot convert on this node: {error}", file=sys.stderr)
        return 1
    result = _result(conversion, made, rejected)
    replace_json(work / "result.json", result)
    print(json.dumps(result, ensure_ascii=False))
    return 0


def _convert(conversion: Conversion, arguments: Sequence[str]) -> gif.Gif:
    requested = options.parse(arguments)
    conversion.preset = requested.preset
    if requested.also:
        conversion.progress.spans = SPANS_WITH_FILES
    if not conversion.binary.is_file():
        raise NodeFailure(f"{conversion.binary} is missing")
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=conversion.work, ignore_cleanup_errors=True) as folder:
        with conversion.phase("judging"):
            conversion.source = _probe(conversion, requested, Path(folder))
            plan = make_plan(conversion.source, requested)
            conversion.notes.extend(plan.notes)
        return _make_gif(conversion, plan, requested, Path(folder))


def _make_gif(conversion: Conversion, plan: Plan, requested: options.Options, folder: Path) -> gif.Gif:
    workspace = Workspace(
        binary=conversion.binary,
        scratch=folder,
        plan=fit.likely_plan(plan, requested),
        options=requested,
        progress=conversion.progress,
        notes=conversion.notes,
        sandbox=conversion.sandbox if conversion.sandbox is not None else set(),
    )
    with conversion.phase("decoding"):
        count = decode(workspace)
    with conversion.phase("dither"):
        choice = fit.choose(workspace, plan, count=count)
    with conversion.phase("frames"):
        try:
            fit.encode(workspace, choice)
        finally:
            conversion.encodes = workspace.encodes
    with conversion.phase("checking"):
        data = scratch.read(workspace.draft, max_bytes=requested.max_bytes)
        made = gif.measure(data)
        if not made.frames:
            raise Rejected("NothingDecoded", "No frame of the video could be decoded.")
    if requested.also:
        with conversion.phase("beside"):
            conversion.files = beside.make(workspace, requested.also, made=made)
    # What is published is what was measured: no file that ffmpeg could write, or still have open.
    for name, content in {"out.gif": data, **{file.name: file.data for file in conversion.files}}.items():
        scratch.write_new(conversion.work / name, content)
    conversion.progress.report("beside" if requested.also else "checking", 1.0)
    return made


def _probe(conversion: Conversion, requested: options.Options, folder: Path) -> probe.Source:
    if not requested.source.is_file():
        raise NodeFailure(f"{requested.source} does not exist")
    path = requested.source.absolute()
    with path.open("rb") as file:
        demuxer = demuxer_of(file.read(HEADER_BYTES))
    finished = ffmpeg.run(
        binary=conversion.binary,
        arguments=ffmpeg_args.probe_args(path, demuxer=demuxer, max_pixels=requested.max_pixels),
        work=folder,
        reads=[path],
        timeout=PROBE_TIMEOUT_SECONDS,
        file_size=0,
    )
    conversion.sandbox = set(finished.sandbox)
    if finished.ended == "exit" and not probe.first_line(finished.lines, "ffmpeg version"):
        raise NodeFailure(f"ffmpeg does not run on this node (exit {finished.code}): {' '.join(finished.lines[:3])}")
    if finished.ended != "exit" or finished.code < 0:
        raise classify_failure(finished)
    return probe.read(finished.lines, path=path, max_pixels=requested.max_pixels)


def _peak_memory_bytes() -> int:
    """The peak of this process or of one of its children."""
    # Not RUSAGE_SELF: Linux counts in it what the parent had when it started this process.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    except OSError:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * unit


def _result(conversion: Conversion, made: gif.Gif | None, rejected: Rejected | None) -> dict[str, Any]:
    source = conversion.source
    source_fields = ("codec", "width", "height", "fps", "duration_seconds", "bytes")
    return {
        "verdict": "rejected" if rejected else "converted",
        "code": rejected.code if rejected else None,
        "message": rejected.message if rejected else None,
        "evidence": rejected.evidence if rejected else None,
        "source": {name: getattr(source, name) for name in source_fields} if source else None,
        "gif": asdict(made) if made else None,
        "also": [file.measurements() for file in conversion.files],
        "seconds": conversion.seconds,
        "peak_memory_bytes": _peak_memory_bytes(),
        "preset": conversion.preset,
        "sandbox": None if conversion.sandbox is None else sorted(conversion.sandbox),
        "ffmpeg_version": source.ffmpeg_version if source else None,
        "notes": conversion.notes,
        "encodes": conversion.encodes,
        "task": {
            "video": os.environ.get("GIFDROP_VIDEO"),
            "batch_url": os.environ.get("AZ_BATCH_ACCOUNT_URL"),
            "job_id": os.environ.get("AZ_BATCH_JOB_ID"),
            "node_id": os.environ.get("AZ_BATCH_NODE_ID"),
            "started_at": conversion.started_at.isoformat(timespec="milliseconds"),
        },
    }
