"""Who may do what: API keys and their scopes, sessions of the page, rate limits, the audit log."""

from api.security.access import NEEDS_ADMIN, NEEDS_SEARCH, NEEDS_WRITE

__all__ = ["NEEDS_ADMIN", "NEEDS_SEARCH", "NEEDS_WRITE"]
