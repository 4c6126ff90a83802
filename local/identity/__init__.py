"""The managed identities of the local stack, behind App Service's managed-identity endpoint."""

PATH = "/msi/token"
PERSON_PATH = "/entra/token"
"""In place of the sign-in page of Entra ID."""
