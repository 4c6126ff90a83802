"""Settings for tests that reach no service."""

MINIMAL_SETTINGS = {
    "GIFDROP_STORAGE_URL": "https://account.blob.core.windows.net/",
    "GIFDROP_BATCH_URL": "https://account.westeurope.batch.azure.com",
    "GIFDROP_POOL_ID": "gifdrop",
    "GIFDROP_POOL_IDENTITY": "/subscriptions/0/resourceGroups/g/userAssignedIdentities/pool",
    "GIFDROP_PACKAGE_VERSION": "0123456789ab",
}
"""The settings without which the app does not start."""
