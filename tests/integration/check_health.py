"""`python -m tests.integration.check_health`: what the app's health check says in this environment, as JSON."""

import asyncio
import json

from shared.clients import clients
from shared.health import health


async def main() -> None:
    response = await health(clients)
    print(json.dumps({"status": response.status_code, "body": json.loads(response.get_body())}))


if __name__ == "__main__":
    asyncio.run(main())
