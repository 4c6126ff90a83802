"""A conversion: one version of one video on its way to a GIF, and every transition between its states.

Transitions are pure: each returns a new `Conversion`, and no other module changes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from shared.names import task_id
from shared.options import Options

if TYPE_CHECKING:
    from datetime import datetime

State = Literal["queued", "running", "succeeded", "failed"]
STATES: tuple[State, ...] = get_args(State)
FINAL_STATES: tuple[State, ...] = ("succeeded", "failed")

MAX_ATTEMPTS = 10
"""Attempts after which a task that is terminated from outside is not started again."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A file beside a GIF, as measured by the converter and verified by the app."""

    kind: str
    """A key of `EXTRA_FILES`."""
    name: str
    bytes: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Gif:
    """A finished GIF, as measured by the converter and verified by the app."""

    name: str
    bytes: int
    width: int
    height: int
    frames: int
    duration_seconds: float
    also: tuple[Extra, ...] = ()
    """The files beside it that were asked for."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The video, as the app and the converter measured it; `None` is unknown."""

    bytes: int | None = None
    duration_seconds: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    codec: str | None = None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why there is no GIF: a stable code for programs and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a running conversion is; `None` is unknown."""

    fraction: float | None = None
    seconds_left: float | None = None


NO_PROGRESS = Progress()

VIDEO_GONE = Problem(code="VideoGone", message="The video was deleted before it was converted.")
HUNG = Problem(code="Hung", message="The conversion made no progress for too long, in every attempt.")


@dataclass(frozen=True, kw_only=True)
class JobRef:
    """A job in one of the Batch accounts."""

    batch_url: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One version of one video on its way to a GIF."""

    video: str
    """Name of the input blob; the record's blob has the same name."""
    etag: str
    """ETag of the input blob's version, without quotes."""
    id: str
    state: State = "queued"
    attempt: int = 1
    options: Options = field(default_factory=Options)
    retries_left: int = 2
    """Further attempts allowed after failures that are not the video's fault."""
    preempted: int = 0
    """Times that a node was lost during this attempt and Batch requeued its task."""
    batch_url: str | None = None
    """Endpoint of the Batch account whose job has the task, or gets it next; `None` where no job is chosen."""
    job_id: str | None = None
    task_id: str | None = None
    """`None` where the video was refused without a task."""
    node_id: str | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    compute_seconds: float | None = None
    """Time that tasks of this conversion have spent on nodes, all attempts together."""
    gif: Gif | None = None
    leftovers: tuple[str, ...] = ()
    """Kinds of files beside the GIF that were not asked for, but that an earlier version or attempt may have left."""
    sandbox: str | None = None
    """Parts of the sandbox that the converter entered, with a space between them; `None` if it is not known."""
    error: Problem | None = None
    source: Source | None = None
    warnings: tuple[str, ...] = ()
    """What is wrong with the video's metadata, in sentences, although it can be converted."""
    notes: tuple[str, ...] = ()
    """Where the GIF differs from what was asked for, as the converter says."""

    @property
    def final(self) -> bool:
        """Whether the conversion has succeeded or failed."""
        return self.state in FINAL_STATES

    @property
    def extras(self) -> tuple[str, ...]:
        """Kinds of files that may be beside the GIF in the output container, whatever was or will be interrupted."""
        return tuple(sorted({*self.options.also, *self.leftovers}))

    @property
    def job(self) -> JobRef | None:
        """The job that has the task, or gets it next; `None` where no job is chosen."""
        if self.batch_url is None or self.job_id is None:
            return None
        return JobRef(batch_url=self.batch_url, id=self.job_id)

    def owns_task(self, task: str) -> bool:
        """Whether `task` is the task of this conversion's present attempt."""
        return self.task_id == task

    def supersedes(self, older: Conversion | None) -> bool:
        """Whether this is a conversion of another version of the video than `older`, which is still open."""
        return older is not None and older.id != self.id and not older.final

    def with_leftovers(self, extras: tuple[str, ...]) -> Conversion:
        """The same conversion, of a video that may have files of these kinds beside its GIF already."""
        return replace(self, leftovers=tuple(sorted({*extras, *self.leftovers} - set(self.options.also))))

    def with_options(self, options: Options) -> Conversion:
        """The same conversion with these options."""
        return replace(self, options=options)

    def assigned_to(self, job: JobRef) -> Conversion:
        """`job` has the task, or gets it next."""
        return replace(self, batch_url=job.batch_url, job_id=job.id)

    def running(self, job: JobRef, *, node_id: str | None, started_at: datetime | None, preempted: int) -> Conversion:
        """The task runs on a node."""
        return replace(
            self.assigned_to(job), state="running", node_id=node_id, started_at=started_at, preempted=preempted
        )

    def requeued(self, *, preempted: int) -> Conversion:
        """The task lost its node, and Batch queued it again."""
        if self.state != "running":
            return self
        return replace(self, state="queued", node_id=None, started_at=None, preempted=preempted)

    def task_lost(self) -> Conversion:
        """No job has the task any more, or its job does not run it: the same task is to be added again."""
        return replace(self, state="queued", batch_url=None, job_id=None, node_id=None, started_at=None)

    def spent(self, seconds: float) -> Conversion:
        """A task of this conversion has spent so many seconds on a node."""
        return replace(self, compute_seconds=round((self.compute_seconds or 0.0) + seconds, 3))

    def measured(self, source: Source | None) -> Conversion:
        """The converter has read the video. Its size stays what storage says."""
        if source is None:
            return self
        return replace(self, source=replace(source, bytes=self.source.bytes) if self.source else source)

    def succeeded(
        self, gif: Gif, *, at: datetime, sandbox: str | None = None, notes: tuple[str, ...] = ()
    ) -> Conversion:
        """The GIF is there; `sandbox` are the parts of it that the converter entered."""
        return replace(self, state="succeeded", gif=gif, sandbox=sandbox, notes=notes, finished_at=at)

    def failed(self, error: Problem, *, at: datetime) -> Conversion:
        """There will be no GIF unless somebody retries."""
        return replace(self, state="failed", error=error, finished_at=at)

    def refused(self, error: Problem, *, at: datetime) -> Conversion:
        """The video cannot become a GIF, as its properties alone show: no task is needed."""
        return replace(self.failed(error, at=at), task_id=None)

    def after_transient_failure(self, error: Problem, *, at: datetime) -> Conversion:
        """The attempt failed for a reason other than the video: queued again, or failed after the last retry."""
        if not self.retries_left:
            return self.failed(error, at=at)
        return self.next_attempt(retries_left=self.retries_left - 1)

    def after_interruption(self, error: Problem, *, at: datetime) -> Conversion:
        """Somebody terminated the task: queued again without using up a retry, up to `MAX_ATTEMPTS`."""
        if self.attempt >= MAX_ATTEMPTS:
            return self.failed(error, at=at)
        return self.next_attempt(retries_left=self.retries_left)

    def hung(self, *, at: datetime) -> Conversion:
        """The running task shows no progress."""
        return self.after_transient_failure(HUNG, at=at)

    def gone(self, *, at: datetime) -> Conversion:
        """The video was deleted before it was converted."""
        return self.failed(VIDEO_GONE, at=at)

    def again(self, planned: Conversion) -> Conversion:
        """Queued for another attempt at the same version, with the options and retries of a new plan."""
        return replace(
            self.next_attempt(retries_left=planned.retries_left), options=planned.options, warnings=planned.warnings
        )

    def next_attempt(self, *, retries_left: int) -> Conversion:
        """Queued for another attempt, with a task id that was never used before."""
        attempt = self.attempt + 1
        return replace(
            self.task_lost(),
            attempt=attempt,
            retries_left=retries_left,
            task_id=task_id(self.id, attempt),
            preempted=0,
            finished_at=None,
            gif=None,
            sandbox=None,
            notes=(),
            error=None,
        )
