"""Why tests of Microsoft cannot pass against the emulator."""

REASONS: dict[tuple[str, str], str] = {
    ("14.2.0", "test_batch::test_batch_certificates"): "certificates are retired",
    (
        "14.2.0",
        "test_batch::test_batch_compute_nodes",
    ): "expects that virtual machines cannot be reimaged; here they can, and the tests of 15.1.0 leave it open",
}
"""Release and test -> why it fails."""
