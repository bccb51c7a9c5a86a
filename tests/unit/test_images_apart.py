"""Images decoded in other processes: the same pictures and refusals, and nobody else is hurt."""

import io
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search.errors import ImageError, ImageTooLargeError, ImageUnreadableError
from search.images import ImageLimits, decode_image, decoding_apart, extent_of
from search.images.apart import ApartDecoder
from search.images.decoding import decode_here
from tests.error_shape import error_of
from tests.waiting import wait_until

LIMITS = ImageLimits()


def encoded(form: str = "PNG", size: tuple[int, int] = (41, 30), **options: Any) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def decoder() -> Iterator[ApartDecoder]:
    with ApartDecoder(1) as made:
        yield made


def workers() -> set[int]:
    found = (each.pid for each in multiprocessing.active_children() if each.name == "decoder")
    return {pid for pid in found if pid is not None}


def is_asked() -> bool:
    """Whether a thread of this process waits for a decoder's answer."""
    frames = sys._current_frames().values()
    return any(
        frame.f_code is ApartDecoder._ask.__code__
        for top in frames
        for frame, _ in traceback.walk_stack(top)
    )


def fall(decode: Callable[[], Any], before: set[int], *, kill: bool) -> Any:
    """Decode while the process that does it stands still, and kill it then if so."""
    (worker,) = workers() - before
    os.kill(worker, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(decode)
        if kill:
            wait_until(is_asked)
            os.kill(worker, signal.SIGKILL)
        return waiting.result(30)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_pictures_are_the_same(decoder: ApartDecoder, form: str) -> None:
    data = encoded(form)
    apart = decoder.decode(data, LIMITS, name="x", at_least=None)
    here = decode_here(data, LIMITS, name="x", at_least=None)
    assert (apart.mode, apart.size, apart.info) == (here.mode, here.size, here.info)
    assert apart.tobytes() == here.tobytes()


def test_a_scaled_picture_knows_its_extent(decoder: ApartDecoder) -> None:
    data = encoded("JPEG", (401, 300))
    apart = decoder.decode(data, LIMITS, name="x", at_least=(100, 100))
    assert apart.size == (201, 150) and extent_of(apart) == (200.5, 150)


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (b"", LIMITS),
        (b"<svg/>", LIMITS),
        (encoded()[:100], LIMITS),
        (encoded(), ImageLimits(10, 10)),
        (encoded(), ImageLimits(10_000_000, 10)),
    ],
)
def test_refusals_are_the_same(decoder: ApartDecoder, data: bytes, limits: ImageLimits) -> None:
    with pytest.raises(ImageError) as here:
        decode_here(data, limits, name="x", at_least=None)
    with pytest.raises(ImageError) as apart:
        decoder.decode(data, limits, name="x", at_least=None)
    assert type(apart.value) is type(here.value)
    assert (str(apart.value), apart.value.details) == (str(here.value), here.value.details)


def test_a_decoder_that_dies_takes_one_picture_with_it() -> None:
    before = workers()
    with ApartDecoder(1, timeout_s=20) as decoder:
        first = decoder.decode(encoded(), LIMITS, name="x", at_least=None)
        with pytest.raises(ImageUnreadableError, match=r"x ended the process"):
            fall(
                lambda: decoder.decode(encoded(), LIMITS, name="x", at_least=None),
                before,
                kill=True,
            )
        again = decoder.decode(encoded(), LIMITS, name="y", at_least=None)
        assert again.tobytes() == first.tobytes()
    assert workers() <= before, "none is left behind"


def test_a_decoder_that_hangs_is_ended() -> None:
    before = workers()
    with ApartDecoder(1, timeout_s=2) as decoder:
        decoder.decode(encoded(), LIMITS, name="x", at_least=None)
        with pytest.raises(ImageUnreadableError, match="too long"):
            fall(
                lambda: decoder.decode(encoded(), LIMITS, name="x", at_least=None),
                before,
                kill=False,
            )
        wait_until(lambda: workers() <= before)


def test_a_process_that_ended_between_pictures_refuses_none() -> None:
    before = workers()
    with ApartDecoder(1) as decoder:
        decoder.decode(encoded(), LIMITS, name="x", at_least=None)
        (worker,) = workers() - before
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in workers())
        assert decoder.decode(encoded(), LIMITS, name="x", at_least=None).size == (41, 30)


def test_several_threads_get_their_own_pictures() -> None:
    sizes = [(20 + n, 30) for n in range(24)]
    with ApartDecoder(2) as decoder, ThreadPoolExecutor(6) as pool:
        found = pool.map(
            lambda size: decoder.decode(encoded(size=size), LIMITS, name="x", at_least=None).size,
            sizes,
        )
        assert list(found) == sizes


def test_within_it_everything_is_decoded_apart_and_after_it_nothing() -> None:
    before = workers()
    with decoding_apart():
        decode_image(encoded(), LIMITS)
        assert len(workers() - before) == 1
    with decoding_apart(False):
        decode_image(encoded(), LIMITS)
    assert workers() <= before
    with pytest.raises(ImageTooLargeError):
        decode_image(encoded(), ImageLimits(10, 10))


@pytest.mark.model
def test_the_service_outlives_its_decoders(tmp_path_factory: pytest.TempPathFactory) -> None:
    from api.app import create_app
    from tests.local_client import local_client
    from tests.sample_collection import build, chosen_rows

    before = workers()
    settings = build(tmp_path_factory.mktemp("apart"), chosen_rows(20))
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)

        def ask() -> Any:
            return client.post("/v1/search/image", files={"file": ("x.png", encoded())})

        assert ask().status_code == 200
        refused = error_of(fall(ask, before, kill=True), 400)
        assert refused["code"] == "image_unreadable"
        assert ask().status_code == 200
        assert_ready(client)


def assert_ready(client: TestClient) -> None:
    assert client.get("/readyz").status_code == 200
