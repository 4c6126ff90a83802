"""The managed identities of the local stack, behind App Service's managed-identity endpoint."""

PATH = "/msi/token"
