"""The recording proxy, which is not used."""

from devtools_testutils import _ignore

get_test_id = start_record_or_playback = transform_request = stop_record_or_playback = _ignore
