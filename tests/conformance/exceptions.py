"""Why tests of Microsoft cannot pass against the emulator."""

REASONS: dict[tuple[str, str], str] = {
    ("14.2.0", "test_batch::test_batch_certificates"): "certificates are retired",
}
"""Release and test -> why it fails."""
