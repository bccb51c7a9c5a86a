"""A search service as the tutorials of FastAPI, open_clip and Milvus write it, as a peer.

One request: one text through the model, one search, the hits' fields as JSON. The model, the
collection and its fields are those of the service that it is compared with.

    python -m benchmarks.plain_service DATABASE COLLECTION MODEL PORT [def]

Routes are `async def`, as most tutorials have them; with `def` they run in FastAPI's threads.
"""

import sys
from typing import Any

LIMIT = 10


def make_app(database: str, collection: str, model_name: str, *, threads: bool) -> Any:
    """The application, its model and collection loaded."""
    from search.encoders.torchvision_ops import import_torchvision

    import_torchvision()  # Some builds of torchvision cannot be imported before.
    import open_clip
    import torch
    from fastapi import FastAPI
    from pymilvus import DataType, MilvusClient

    from search.encoders import resolve_model

    source = resolve_model(model_name)
    model, _, _ = open_clip.create_model_and_transforms(
        source.open_clip_name, pretrained=source.tag
    )
    tokenizer = open_clip.get_tokenizer(source.open_clip_name)
    model.eval()
    client = MilvusClient(database)
    client.load_collection(collection)
    described = client.describe_collection(collection)["fields"]
    fields = [each["name"] for each in described if each["type"] != DataType.FLOAT_VECTOR]
    app = FastAPI()

    def answer(q: str, limit: int) -> dict[str, Any]:
        with torch.no_grad():
            features = model.encode_text(tokenizer([q]))
            features /= features.norm(dim=-1, keepdim=True)
        results = client.search(
            collection_name=collection,
            data=[features[0].tolist()],
            limit=limit,
            output_fields=fields,
        )
        return {
            "hits": [
                {"id": hit["id"], "score": hit["distance"], "item": hit["entity"]}
                for hit in results[0]
            ]
        }

    if threads:

        @app.get("/search")
        def search(q: str, limit: int = LIMIT) -> dict[str, Any]:
            return answer(q, limit)
    else:

        @app.get("/search")
        async def search_in_the_loop(q: str, limit: int = LIMIT) -> dict[str, Any]:
            return answer(q, limit)

    return app


if __name__ == "__main__":
    import uvicorn

    database, collection, model, port, *mode = sys.argv[1:]
    app = make_app(database, collection, model, threads=mode == ["def"])
    uvicorn.run(app, host="127.0.0.1", port=int(port))
