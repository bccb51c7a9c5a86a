"""The intake on its own: what waits is bounded, in rows and in bytes."""

import threading
from concurrent.futures import Future
from pathlib import Path

from indexer.fetching import Fetched
from indexer.intake import Intake
from indexer.preparing import Task
from indexer.rows import Row
from indexer.tally import Tally
from search.types import Item
from tests.waiting import wait_until

ROWS, BODY = 40, b"x" * 100


def rows() -> list[Row]:
    return [
        Row(number, Item(f"i{number}", f"http://shop/{number}.png", ""), "0" * 32)
        for number in range(ROWS)
    ]


def test_images_that_wait_for_a_worker_are_bounded_in_bytes(tmp_path: Path) -> None:
    fetched, go_on = [], threading.Event()

    def fetch(task: Task) -> "Future[Fetched]":
        fetched.append(task.row.number)
        done: Future[Fetched] = Future()
        done.set_result(Fetched(BODY, None))
        return done

    def work(task: Task, fetching: "Future[Fetched] | None") -> int:
        assert go_on.wait(30)
        return task.row.number

    intake = Intake(
        look_up=lambda ids: {}, memory=None, fetch=fetch, work=work, tally=Tally(),
        workers=2, window=64, most_bytes=5 * len(BODY),
    )  # fmt: skip
    outcomes: list[int] = []
    running = threading.Thread(
        target=lambda: outcomes.extend(one for one in intake.run(iter(rows())) if type(one) is int)
    )
    running.start()
    wait_until(lambda: len(fetched) >= 6)
    held = len(fetched)
    go_on.set()
    running.join(30)
    assert held == 6, "one more than fit, since its size is known when it has come"
    assert sorted(outcomes) == list(range(ROWS))
