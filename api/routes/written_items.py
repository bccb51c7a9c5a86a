"""Writing items: put, upload, delete, and several at once."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile

from api.deps import (
    Engine,
    ImagesOfQueries,
    ItemIdFromPath,
    Limits,
    ServiceSettings,
)
from api.errors import request_id_of
from api.item_writing import ItemChanges
from api.requests_items import BatchBody, ItemBody, item_body
from api.routes.responses import ERRORS, ITEM_EXAMPLE
from api.schemas import ItemOut
from api.schemas_items import BatchOut, WriteStatus
from api.security import NEEDS_WRITE
from api.security.access import note
from api.uploads import read_upload
from indexer.items import ItemWriter
from indexer.staged_images import StagedImages
from search.engine import SearchEngine

router = APIRouter(
    prefix="/v1/items",
    tags=["items"],
    responses={**ERRORS, 409: ERRORS[409] | {"description": "A run writes there, or replaces it."}},
    dependencies=[NEEDS_WRITE],
)

_WRITTEN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The item as it is now.", **ITEM_EXAMPLE},
    201: {"model": ItemOut, "description": "It is new.", **ITEM_EXAMPLE},
}


def get_changes(
    engine: Engine, images: ImagesOfQueries, limits: Limits, settings: ServiceSettings
) -> ItemChanges:
    """What writes into the service's collection."""
    uploads = StagedImages(settings.uploads_folder.absolute())
    writer = ItemWriter(
        engine.store, settings.collection, settings.jobs, limits, uploads, engine.serving
    )
    return ItemChanges(writer, images)


Changes = Annotated[ItemChanges, Depends(get_changes)]


@router.post("/batch", summary="Write and delete several items")
def batch(body: BatchBody, request: Request, changes: Changes) -> BatchOut:
    """Each item is written or refused by itself: look at the results. At most 100."""
    done = changes.batch(body, request_id_of(request))
    note(request, written=done.written, deleted=done.deleted, refused=done.refused)
    return done


@router.put("/{id:path}/image", summary="Upload an item's picture", responses=_WRITTEN)
def put_image(
    id: ItemIdFromPath,
    engine: Engine,
    limits: Limits,
    changes: Changes,
    response: Response,
    file: Annotated[UploadFile, File(description="An image file.")],
    item: Annotated[
        str | None,
        Form(
            max_length=1_000_000,
            description="The rest of the item, as JSON; else it stays as it is.",
            examples=['{"title": "Linen dress, red", "fields": {"price": 49.9}}'],
        ),
    ] = None,
) -> ItemOut:
    """Embed the picture and keep it. An item that is new needs `item`, `{}` at least."""
    data, body = read_upload(file, limits), item_body(item)
    if body is None:
        status = changes.put_image(engine.item(id), data)
    else:
        status = changes.put_uploaded(id, body, data)
    return _answer(engine, id, status, response)


@router.put("/{id:path}", summary="Write an item", responses=_WRITTEN)
def put(
    id: ItemIdFromPath, body: ItemBody, engine: Engine, changes: Changes, response: Response
) -> ItemOut:
    """Write all of an item, embedding its image if that is new. Without one it keeps its own."""
    return _answer(engine, id, changes.put(id, body), response)


@router.delete("/{id:path}", summary="Delete an item", status_code=204)
def delete(id: ItemIdFromPath, changes: Changes) -> None:
    """Take the item out of the collection; its image file stays where it is."""
    changes.delete(id)


def _answer(engine: SearchEngine, id: str, status: WriteStatus, response: Response) -> ItemOut:
    response.status_code = 201 if status == "created" else 200
    return ItemOut.of(engine.item(id))
