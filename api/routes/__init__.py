"""The routes: each file one part of the API. They hold no logic beyond translating."""
