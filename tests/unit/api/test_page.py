"""The files of the page need no key, so they are small and cached."""

from shared.api.dashboard.page import FILE_CACHE_SECONDS, files, page_file_response

MAX_FILE_BYTES = 16 * 1024


def test_page_files_are_cached_without_a_request() -> None:
    assert FILE_CACHE_SECONDS >= 60
    for name in files():
        response = page_file_response(name, {})
        assert response.headers["Cache-Control"] == f"public, max-age={FILE_CACHE_SECONDS}"


def test_unchanged_page_file_is_answered_without_its_body() -> None:
    for name, file in files().items():
        response = page_file_response(name, {"if-none-match": file.etag})
        assert (response.status, response.body) == (304, b"")
        assert response.headers["Cache-Control"] == f"public, max-age={FILE_CACHE_SECONDS}"


def test_page_files_are_small() -> None:
    assert max(len(file.body) for file in files().values()) <= MAX_FILE_BYTES
