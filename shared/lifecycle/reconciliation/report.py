"""What one reconciliation found and did."""

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Report:
    """Counts of one run; logged as JSON, which alerts and workbooks read."""

    audited: int = 0
    """Names of videos and records that were compared."""
    submitted: int = 0
    """Videos whose event was lost."""
    restarted: int = 0
    """Conversions whose task was lost."""
    gone: int = 0
    """Conversions whose task was lost and whose video was deleted."""
    moved: int = 0
    """Tasks moved out of a disabled job."""
    hung: int = 0
    """Tasks given up because they showed no progress."""
    indexed: int = 0
    """Entries of the index that were missing or wrong."""
    jobs_deleted: int = 0
    unreachable: list[str] = field(default_factory=list)
    """Batch accounts that did not list all their jobs and tasks."""
    stopped: bool = False
    """Whether the time budget ran out."""
