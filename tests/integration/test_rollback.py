"""The app is replaced by a newer version of itself and back while videos are being converted."""

from pathlib import Path

import pytest

from tests.support.rollback import roll_back


@pytest.mark.timeout(240)
@pytest.mark.parametrize("schema", [None, 2])
async def test_rollback_loses_no_video_and_converts_none_twice(schema: int | None, tmp_path: Path) -> None:
    result = await roll_back(tmp_path, videos=8, schema=schema)
    assert (result.not_converted, result.run_again, result.unreadable) == ([], [], [])
    assert result.open_at_rollback
    assert result.written_by_newer
