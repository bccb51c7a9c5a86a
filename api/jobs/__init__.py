"""Indexing over HTTP: jobs in the service's own process, and what is known of those before."""
