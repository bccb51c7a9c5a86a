"""A client of the service under a name that the service answers to."""

from fastapi import FastAPI
from fastapi.testclient import TestClient


def local_client(app: FastAPI) -> TestClient:
    """The client; use it in a `with`, which starts and stops the application."""
    return TestClient(app, base_url="http://localhost")
