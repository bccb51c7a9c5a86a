"""Which pages may have a browser ask for something here.

A browser sends along what it has (cookies, and the loopback address of its own machine), whatever
page tells it to. Answers it shows only to pages of the same origin, so reading is safe; changes are
made all the same. So a request that may change something must not come from another page.
"""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from search.errors import ConfigError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?")


def is_foreign(headers: Headers, *, allowed: frozenset[str], by_cookie: bool) -> bool:
    """Whether a page of another origin had the browser send this.

    Programs say nothing of pages and are believed, unless they come with a page's cookie. Other
    origins that are allowed never may use it: they bring a key.
    """
    origin = headers.get("origin")
    if origin is not None and origin in allowed and not by_cookie:
        return False
    # Browsers of today say it outright, and no page can make them say another thing.
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is not None:
        return urlsplit(origin).netloc != headers.get("host")
    return by_cookie


def read_origins(text: str) -> frozenset[str]:
    """Comma-separated origins, as browsers send them.

    Raises:
        ConfigError: one of them is none; `*` is none either.
    """
    origins = frozenset(each.strip().lower() for each in text.split(",") if each.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"{origin!r} is no origin that could be allowed.",
                hint="Give origins such as https://shop.example, comma-separated, without a path. "
                "'*' is not one: name those that may.",
                details={"setting": "cors_origins"},
            )
    return origins
