"""The storage account of the local stack: Azurite over TLS with bearer tokens."""

ACCOUNT = "devstoreaccount1"
