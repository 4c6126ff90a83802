"""The storage account of the local stack: Azurite over TLS, with tokens instead of keys."""

ACCOUNT = "devstoreaccount1"
