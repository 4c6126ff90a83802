"""The checkpoint in the access log."""

from pathlib import Path

from local.events.checkpoint import Checkpoint


def test_checkpoint_is_the_oldest_unprocessed_line(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "offset")
    for start in (0, 10, 20):
        checkpoint.begin(start)
    checkpoint.advance(30)
    checkpoint.end(0)
    checkpoint.end(20)
    checkpoint.save()
    assert Checkpoint(tmp_path / "offset").saved == 10


def test_checkpoint_is_the_end_of_the_last_line_when_all_are_processed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "offset")
    checkpoint.begin(0)
    checkpoint.end(0)
    checkpoint.advance(30)
    checkpoint.save()
    assert Checkpoint(tmp_path / "offset").saved == 30
