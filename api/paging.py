"""Where the pages before and after one are: a `Link` header, as RFC 8288 has it."""

from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response

from search.types import MAX_LIMIT, Page


def add_links(request: Request, response: Response, page: Page) -> None:
    """Say in the answer to a GET where the next and the previous page are, if there may be some.

    There may be a next one where this one is full and does not end with an exact total. The links
    are the request's own address with another offset, relative to the service.
    """
    links = []
    after = page.offset + page.limit
    ends = page.total is not None and page.total_is_exact and after >= page.total
    if len(page.hits) == page.limit and not ends and after + page.limit <= MAX_LIMIT:
        links.append(f'<{_address(request, after)}>; rel="next"')
    if page.offset > 0:
        links.append(f'<{_address(request, max(0, page.offset - page.limit))}>; rel="prev"')
    if links:
        response.headers["Link"] = ", ".join(links)


def _address(request: Request, offset: int) -> str:
    asked = parse_qsl(request.url.query, keep_blank_values=True)
    kept = [(name, value) for name, value in asked if name != "offset"]
    # The path of an item is as it was sent, percent-encoded: see `EncodedItemIds`.
    return f"{request.scope['path']}?{urlencode([*kept, ('offset', str(offset))])}"
