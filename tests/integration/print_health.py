"""`python -m tests.integration.print_health SETTINGS`: print the health checks' responses as JSON.

SETTINGS is a JSON array with an object for each response: the environment variables that differ from this process's.
"""

import asyncio
import json
import os
import sys
from typing import Any
from unittest.mock import patch

from shared.api.health.health import health_response
from shared.application import application


async def response_with(settings: dict[str, str]) -> dict[str, Any]:
    application.cache_clear()
    with patch.dict(os.environ, settings):
        response = await health_response(lambda: application().health)
    return {"status": response.status, "body": json.loads(response.body)}


async def main() -> None:
    print(json.dumps([await response_with(settings) for settings in json.loads(sys.argv[1])]))


if __name__ == "__main__":
    asyncio.run(main())
