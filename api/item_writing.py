"""From items as clients send them to the collection, and what became of each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from api.errors import refusal_of
from api.query_images import MOST_ADDRESSES, QueryImages
from api.requests_items import BatchBody, BatchItemBody, ItemBody
from api.schemas_items import BatchOut, ItemResultOut, WriteStatus
from indexer.items import ItemWriter, NewItem, Outcome
from indexer.tally import Count
from search.errors import ItemNotFoundError, VitrineError
from search.types import Item

_STATUS: dict[Count, WriteStatus] = {
    Count.INDEXED: "created",
    Count.UPDATED: "replaced",
    Count.COLUMNS_UPDATED: "replaced",
    Count.UNCHANGED: "unchanged",
}


@dataclass(frozen=True, slots=True)
class ItemChanges:
    """Writes items for clients; images that they name by address are fetched as for queries."""

    writer: ItemWriter
    images: QueryImages

    def put(self, id: str, body: ItemBody) -> WriteStatus:
        """Write one item; raises what refuses it."""
        return self._put(self._new(id, body))

    def put_image(self, item: Item, data: bytes) -> WriteStatus:
        """Give an item another picture, and leave all else as it is."""
        said = {name: value for name, value in item.fields.items() if value is not None}
        columns = {**item.extra, **said}
        return self._put(NewItem(item.id, columns, item.title, item.product_id, None, data))

    def put_uploaded(self, id: str, body: ItemBody, data: bytes) -> WriteStatus:
        """Write one item with a picture that came beside it."""
        return self._put(replace(body.new_item(id), image=None, data=data))

    def delete(self, id: str) -> None:
        """Delete one item; ItemNotFoundError if there is none."""
        if self.writer.delete([id]) != [True]:
            raise ItemNotFoundError(f"There is no item {id!r}.", details={"id": id})

    def batch(self, body: BatchBody, request_id: str) -> BatchOut:
        """Write and delete items, each by itself; raises only what stops them all."""
        body.check()
        with ThreadPoolExecutor(MOST_ADDRESSES, "vitrine-batch") as fetching:
            read = list(fetching.map(self._try_new, body.upsert))
        outcomes = self._write_all(read)
        deleted = self.writer.delete(body.delete) if body.delete else []
        results = [
            _result(item.id, outcome, request_id)
            for item, outcome in zip(body.upsert, outcomes, strict=True)
        ]
        results += [
            ItemResultOut(id=id, status="deleted" if there else "not_found")
            for id, there in zip(body.delete, deleted, strict=True)
        ]
        return BatchOut(
            results=results,
            written=sum(each.status in ("created", "replaced") for each in results),
            deleted=sum(deleted),
            refused=sum(each.status == "refused" for each in results),
        )

    def _put(self, item: NewItem) -> WriteStatus:
        [outcome] = self.writer.put([item])
        if isinstance(outcome, VitrineError):
            raise outcome
        return _STATUS[outcome]

    def _write_all(self, read: Sequence[NewItem | VitrineError]) -> list[Outcome]:
        """What became of each; those that could not be read are not written."""
        good = [item for item in read if isinstance(item, NewItem)]
        written = iter(self.writer.put(good) if good else [])
        return [next(written) if isinstance(item, NewItem) else item for item in read]

    def _try_new(self, body: BatchItemBody) -> NewItem | VitrineError:
        try:
            return self._new(body.id, body)
        except VitrineError as error:
            return error

    def _new(self, id: str, body: ItemBody) -> NewItem:
        address = body.image_url if body.image is None else None
        fetched = None if address is None else self.images.fetch([address])[address]
        return body.new_item(id, fetched)


def _result(id: str, outcome: Outcome, request_id: str) -> ItemResultOut:
    if isinstance(outcome, VitrineError):
        return ItemResultOut(id=id, status="refused", error=refusal_of(request_id, outcome))
    return ItemResultOut(id=id, status=_STATUS[outcome])
