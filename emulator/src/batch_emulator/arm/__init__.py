"""Azure Resource Manager's part of a Batch account: the account, its keys, and its pools."""
