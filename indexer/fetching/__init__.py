"""Images from wherever they are: files, web servers, object stores, archives."""

from indexer.fetching.base import Fetched, FetchOptions, HostStats
from indexer.fetching.fetcher import Fetcher

__all__ = ["FetchOptions", "Fetched", "Fetcher", "HostStats"]
