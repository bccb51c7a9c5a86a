"""Contact sheets show pictures from wherever they are, and wait for none too long."""

import io
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from api.cli import contact_sheet
from api.cli.contact_sheet import write_contact_sheet
from search.config import Settings
from search.types import Hit, Item, Page
from tests.unruly_server import Connection, Request, UnrulyServer


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(file, "PNG")
    return file.getvalue()


def page_of(*addresses: str) -> Page:
    hits = tuple(Hit(Item(str(number), address), 0.5) for number, address in enumerate(addresses))
    return Page(hits=hits, limit=10, offset=0, collection="products__v1", model="mini")


def sheet_of(folder: Path, page: Page) -> str:
    write_contact_sheet(folder / "sheet.html", [("dresses", page)], Settings())
    return (folder / "sheet.html").read_text(encoding="utf-8")


def test_remote_pictures_are_in_the_file(tmp_path: Path) -> None:
    local = tmp_path / "x.png"
    local.write_bytes(png())
    with UnrulyServer({"/x": lambda request, connection: connection.answer(200, png())}) as server:
        addresses = [str(local), *[server.url(f"/x?{number}") for number in range(40)]]
        sheet = sheet_of(tmp_path, page_of(*addresses, server.url("/none"), "/none.png", ""))
    assert sheet.count("data:image/jpeg;base64,") == 41
    assert sheet.count("picture not found") == 3
    assert "http" not in sheet


def test_a_server_that_hangs_costs_little_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hanging(request: Request, connection: Connection) -> None:
        connection.wait(60)
        connection.close()

    monkeypatch.setattr(contact_sheet, "WAIT_SECONDS", 0.5)
    local = tmp_path / "x.png"
    local.write_bytes(png())
    threads = threading.active_count()
    started = time.monotonic()
    with UnrulyServer({"/x": hanging}) as server:
        sheet = sheet_of(tmp_path, page_of(*[server.url("/x")] * 10, str(local)))
    assert time.monotonic() - started < 15
    assert sheet.count("data:image/jpeg;base64,") == 1
    assert threading.active_count() == threads
