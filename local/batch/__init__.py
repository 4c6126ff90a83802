"""An emulator of the Azure Batch data plane: the REST API, and real processes behind it."""
