"""A reverse proxy with fault injection, for tests: stands before the storage account or the identity endpoint."""
