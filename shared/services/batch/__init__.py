"""The Batch accounts: jobs, tasks and the pool."""
