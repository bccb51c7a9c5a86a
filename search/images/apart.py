"""Decoding in processes of its own: one that dies or hangs takes one image with it, nothing else.

Pillow's readers are C code over bytes of strangers. The bytes go to a process that does nothing
else, and come back as pixels. Each process has one image at a time, so that it is known which one
ended it. It is no sandbox: what takes a process over has the rights of the service's user.
"""

import multiprocessing
import queue
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Self

from PIL import Image

from search.errors import ImageUnavailableError, ImageUnreadableError, VitrineError
from search.images.decoding import ImageLimits, decode_elsewhere, decode_here

PROCESSES = 2
"""As many as images are decoded at once (`DECODING`)."""

TIMEOUT_S = 60.0
"""Longest wait for one image: the largest that is allowed takes seconds."""

START_S = 60.0
"""Longest wait for a process to start: a fifth of a second where nothing else runs."""

_ENDING_S = 0.2
"""How long it may take until a process that ended is known to have."""


@dataclass(frozen=True, slots=True)
class _Worker:
    process: Any
    """A `multiprocessing` process of the context, whose class depends on the system."""
    pipe: Connection

    @classmethod
    def start(cls) -> "_Worker":
        # A fork of a process with threads may hang; of the model's memory it would keep a copy.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), name="decoder", daemon=True)
        process.start()
        theirs.close()  # So that its end is seen here.
        worker = cls(process, ours)
        try:
            if not ours.poll(START_S):
                raise EOFError
            ours.recv()
        except EOFError as error:
            worker.stop()
            raise ImageUnavailableError(
                "No process to decode images in could be started."
            ) from error
        return worker

    def has_ended(self) -> bool:
        self.process.join(_ENDING_S)
        return not self.process.is_alive()

    def stop(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()
        self.process.close()


class ApartDecoder:
    """Decodes in other processes, started when first needed. Safe to call from several threads."""

    def __init__(self, processes: int = PROCESSES, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._places: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(processes):
            self._places.put(None)
        self._processes = processes

    def decode(
        self, data: bytes, limits: ImageLimits, *, name: str, at_least: tuple[int, int] | None
    ) -> Image.Image:
        """What `decode_image` does.

        Raises:
            ImageUnreadableError: also where decoding it ended the process, or took too long.
            ImageTooLargeError: as there.
            ImageUnavailableError: no process could be started.
        """
        worker = self._places.get()
        is_fit = False
        try:
            if worker is None or not worker.process.is_alive():
                worker = _Worker.start()
            answer = self._ask(worker, (data, limits, name, at_least))
            if answer is None:
                raise _refused(name, ended=worker.has_ended())
            is_fit = True
        finally:
            # Whatever came between may have left it with an answer that nobody waits for.
            if worker is not None and not is_fit:
                worker.stop()
            self._places.put(worker if is_fit else None)
        if isinstance(answer, VitrineError):
            raise answer
        size, pixels, info = answer
        image = Image.frombytes("RGB", size, pixels)
        image.info = info
        return image

    def close(self) -> None:
        """Stop the processes; those at work finish their image first."""
        for _ in range(self._processes):
            if (worker := self._places.get()) is not None:
                worker.stop()
        for _ in range(self._processes):
            self._places.put(None)

    def __enter__(self) -> Self:
        """Use it in a `with`, which closes it."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop the processes."""
        self.close()

    def _ask(self, worker: _Worker, question: object) -> Any:
        """The worker's answer; None if it ended or is too slow."""
        with suppress(EOFError, OSError):
            worker.pipe.send(question)
            if worker.pipe.poll(self._timeout_s):
                return worker.pipe.recv()
        return None


@contextmanager
def decoding_apart(wanted: bool = True) -> Iterator[None]:
    """Within it, all that this process decodes is decoded apart; nothing changes if not wanted."""
    if not wanted:
        yield
        return
    with ApartDecoder() as decoder:
        before = decode_elsewhere(decoder)
        try:
            yield
        finally:
            decode_elsewhere(before)


def _work(pipe: Connection) -> None:
    """Decode what comes until nothing comes any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this.
    with suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            data, limits, name, at_least = pipe.recv()
            try:
                image = decode_here(data, limits, name=name, at_least=at_least)
                answer: object = (image.size, image.tobytes(), image.info)
            except VitrineError as error:
                answer = error
            pipe.send(answer)


def _refused(name: str, *, ended: bool) -> ImageUnreadableError:
    what = "ended the process that decoded it" if ended else "takes too long to decode"
    return ImageUnreadableError(
        f"{name} {what}.", hint="Export or download it again.", details={"image": name}
    )
