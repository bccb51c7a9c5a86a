"""Refusals for who asks, how often, or from where, rather than for what."""

from collections.abc import Mapping
from typing import ClassVar

from search.errors import VitrineError


class AccessError(VitrineError):
    """The root of these refusals; `headers` go out with the answer."""

    code: ClassVar[str] = "access"

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer says beside its body."""
        return {}


class KeyRefusedError(AccessError):
    """No key, or none that is (still) good: 401."""

    code = "unauthorized"

    @property
    def headers(self) -> Mapping[str, str]:
        """How to give a key, as a 401 has to say."""
        return {"WWW-Authenticate": 'Bearer realm="vitrine"'}


class ScopeError(AccessError):
    """The key is good, but not for this: 403."""

    code = "forbidden"


class ForeignPageError(AccessError):
    """A page of somebody else has the browser ask for a change: 403."""

    code = "foreign_page"


class TooManyRequestsError(AccessError):
    """More requests than the limit allows: 429, with the seconds until the next one is served."""

    code = "too_many_requests"

    @property
    def headers(self) -> Mapping[str, str]:
        """When to come again."""
        wait = str(self.details.get("retry_after_s", 1))
        return {"Retry-After": wait, "RateLimit-Remaining": "0", "RateLimit-Reset": wait}
