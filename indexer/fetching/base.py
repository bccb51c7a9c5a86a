"""What fetching takes and gives."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.fetching.guard import Guard


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How remote images are asked for.

    Args:
        per_host: requests to one host at the same time.
        timeout_s: seconds that one attempt may take, its whole body included.
        attempts: how often an image is asked for when the answer may get better.
        max_redirects: how many redirects are followed for one image.
        max_connections: requests at the same time to all hosts together.
        backoff_s: the longest wait before the second attempt; it doubles with each further one.
            The actual wait is anything below it by chance, so that waiting requests spread out.
        max_wait_s: the longest wait before an attempt, even if the host asks for a longer one.
        failures_in_a_row: so many images in a row that a host did not give, for ...
        patience_s: ... at least so many seconds, and the host counts as down.
        rest_s: seconds for which a host that is down is not asked again.
        guard: for addresses that strangers give: what may be asked on the web; None: everything.
    """

    per_host: int = 8
    timeout_s: float = 20.0
    attempts: int = 4
    max_redirects: int = 5
    max_connections: int = 64
    backoff_s: float = 1.0
    max_wait_s: float = 30.0
    failures_in_a_row: int = 20
    patience_s: float = 30.0
    rest_s: float = 60.0
    guard: "Guard | None" = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """An image's bytes; `data` is None if it is what it was when `known` was its validator.

    `validator` is what to hand in as `known` next time; None if the source offers nothing that
    tells versions apart, or nothing that can be relied upon yet.
    """

    data: bytes | None
    validator: str | None


@dataclass(frozen=True, slots=True)
class HostStats:
    """What was asked of one host, and how it answered.

    `requests` counts every request sent, redirects and the `retries` among them; `failures` the
    images that were given up. `seconds` is the sum over requests that ran beside each other;
    `median_ms` is over the latest requests.
    """

    host: str
    requests: int
    bytes: int
    retries: int
    failures: int
    seconds: float
    median_ms: float
