"""The headers of a signed-in person's request, as App Service and the page write them."""

import base64
import json


def principal_header(*roles: str) -> dict[str, str]:
    claims = [{"typ": "oid", "val": "0b9c5a3e"}, {"typ": "preferred_username", "val": "me@example.com"}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    content = json.dumps({"auth_typ": "aad", "claims": claims})
    return {"x-ms-client-principal": base64.b64encode(content.encode()).decode(), "x-requested-with": "page"}
