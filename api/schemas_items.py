"""What becomes of items that clients write."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import ErrorBody

WriteStatus = Literal["created", "replaced", "unchanged", "deleted", "not_found", "refused"]


class ItemResultOut(BaseModel):
    """What became of one item of a batch."""

    id: str
    status: WriteStatus = Field(
        description="`unchanged`: it was stored as it is. `not_found`: nothing to delete."
    )
    error: ErrorBody | None = Field(None, description="Why it was refused; else null.")


class BatchOut(BaseModel):
    """What became of each item, in the order of the request: `upsert` first, then `delete`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [
                        {"id": "v0137", "status": "replaced", "error": None},
                        {
                            "id": "v0500",
                            "status": "refused",
                            "error": {
                                "code": "invalid_item",
                                "message": "Column 'price' has 'cheap', which is not a float. "
                                "Correct it and send the item again.",
                                "details": {"id": "v0500", "reason": "wrong_type"},
                                "request_id": "5d0c1a2be0f94b6fa1c6c0e0a8b1f3d2",
                            },
                        },
                        {"id": "v0001", "status": "deleted", "error": None},
                    ],
                    "written": 1,
                    "deleted": 1,
                    "refused": 1,
                }
            ]
        }
    )

    results: list[ItemResultOut]
    written: int = Field(description="How many were created or replaced.")
    deleted: int
    refused: int
