"""Settings from a TOML file, below the options of a command."""

import difflib
import tomllib
from pathlib import Path

from api.cli.options import make_settings
from search.config import Settings
from search.errors import ConfigError


def settings_over(file: Path | None, **given: object) -> Settings:
    """Settings from the options that were given, over the file, over VITRINE_* variables.

    The file has them by name: `model = "vit-b-32"`.

    Raises:
        ConfigError: the file cannot be read, or sets something that is no setting; or as
            `make_settings`.
    """
    options = {name: value for name, value in given.items() if value is not None}
    return make_settings(**(_read(file) if file else {}) | options)


def _read(file: Path) -> dict[str, object]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # Not UTF-8, or not TOML.
        raise ConfigError(
            f"{file} cannot be read: {error}.", hint='A line is a setting: model = "vit-b-32".'
        ) from error
    for name in found:
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, Settings.model_fields, n=1)
            raise ConfigError(
                f"{file}: {name!r} is no setting.",
                hint=f"Did you mean {near[0]}?" if near else "docs/configuration.md lists them.",
                details={"setting": name},
            )
    return found
