"""`python -m tests.integration.print_health`: print the response of the health check in this environment, as JSON."""

import asyncio
import json

from shared.api.health.health import health_response
from shared.application import application


async def main() -> None:
    response = await health_response(lambda: application().health)
    print(json.dumps({"status": response.status, "body": json.loads(response.body)}))


if __name__ == "__main__":
    asyncio.run(main())
