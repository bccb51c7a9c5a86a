"""Every setting is explained in docs/configuration.md with its default, and no other is."""

import re
from pathlib import Path

from search.config import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        row = re.search(rf"^\| `VITRINE_{name.upper()}` \|(.*)$", PAGE, re.MULTILINE)
        assert row, f"docs/configuration.md does not explain VITRINE_{name.upper()}"
        default = "" if field.default is None else str(field.default)
        assert f"`{default}`" in row[1] or not default, (
            f"{name}: default {default!r} not in {row[0]}"
        )


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"^\| `VITRINE_([A-Z_]+)` \|", PAGE, re.MULTILINE))
    assert documented == {name.upper() for name in Settings.model_fields}
