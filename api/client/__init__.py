"""A typed client of the service, for Python: `Client`, and `AsyncClient` for asyncio.

    with Client("http://localhost:8000") as shop:
        for hit in shop.search("red floral dress", filter="price<80", limit=5).hits:
            print(hit.title, hit.score)

Importing it imports neither torch nor a web framework. docs/client.md says more.
"""

from api.client.clients import AsyncClient, Client
from api.client.sending import Patience, ServiceError

__all__ = ["AsyncClient", "Client", "Patience", "ServiceError"]
