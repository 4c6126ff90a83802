"""Passwords that the tests send."""

BATCH_TEST_PASSWORD = "kt#_gahr!@aGERDXA"  # noqa: S105
