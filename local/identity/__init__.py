"""The managed identities of the local stack, behind the endpoint that App Service gives to an app."""

PATH = "/msi/token"
