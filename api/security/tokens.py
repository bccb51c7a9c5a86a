"""Tokens: what is handed out once, and what is kept of it.

A token is a prefix that says what it is (for people, and for scanners of leaked secrets), an id
by which its record is found, and 256 random bits. Kept are the id and the SHA-256 of the whole. A
slow hash is for passwords, which can be guessed from a list; of 2^256 equally likely secrets
nobody guesses one, however fast the hash.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

_FORM = re.compile(r"(vk|vs)_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_NOBODYS = hashlib.sha256(b"").digest()


class Kind(StrEnum):
    """What a token is; the value is how it begins."""

    KEY = "vk"
    SESSION = "vs"


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was read: its kind, its record's id and the digest of the whole (32 bytes)."""

    kind: Kind
    id: str
    digest: bytes = field(repr=False)


def make_token(kind: Kind) -> tuple[str, Token]:
    """A new token, as it is handed out, and what to keep of it."""
    text = f"{kind}_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
    token = read_token(text)
    assert token is not None
    return text, token


def read_token(text: str) -> Token | None:
    """The token that a text has the form of; None if it has none. Says nothing of its truth."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    return Token(Kind(found[1]), found[2], hashlib.sha256(text.encode("ascii")).digest())


def matches(token: Token, digest: bytes | None) -> bool:
    """Whether the digest on record is the token's, in the same time whatever is compared.

    None, for a token that nobody has on record, never matches.
    """
    same = hmac.compare_digest(token.digest, digest or _NOBODYS)
    return same and digest is not None
