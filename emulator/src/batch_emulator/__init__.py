"""An emulator of the Azure Batch data plane."""
