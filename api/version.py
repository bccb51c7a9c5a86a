"""The version of vitrine that is installed."""

from importlib import metadata


def version() -> str:
    """The installed version, or `0+unknown` when run from a folder that was never installed."""
    try:
        return metadata.version("vitrine")
    except metadata.PackageNotFoundError:
        return "0+unknown"
