"""Entity tags: by which a client learns that what it has is still so."""

import hashlib


def tag_of(content: bytes) -> str:
    """The entity tag of what is sent, quotes included."""
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether an `If-None-Match` header names the tag."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
