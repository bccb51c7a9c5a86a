"""Work beside the queries: one at a time, and nothing stays locked behind it."""

import threading

import pytest

from search.beside import begin_beside
from tests.waiting import wait_until


def test_what_begins_while_another_is_at_it_is_left_out() -> None:
    making, done, may_end = threading.Lock(), list[str](), threading.Event()

    def slow() -> None:
        may_end.wait(30)
        done.append("first")

    begin_beside(making, slow, name="first")
    begin_beside(making, lambda: done.append("second"), name="second")
    may_end.set()
    wait_until(lambda: not making.locked())
    assert done == ["first"]


def test_work_is_waited_for_at_exit_whoever_began_it() -> None:
    making, daemons = threading.Lock(), list[bool]()

    def begin() -> None:
        begin_beside(making, lambda: daemons.append(threading.current_thread().daemon), name="x")

    # The threads in which a service answers are daemons, and theirs would be too.
    threading.Thread(target=begin, daemon=True).start()
    wait_until(lambda: bool(daemons))
    assert daemons == [False]


def test_work_that_fails_lets_the_next_one_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda failed: None)
    making, done = threading.Lock(), list[str]()

    def failing() -> None:
        raise ValueError("on purpose")

    begin_beside(making, failing, name="failing")
    wait_until(lambda: not making.locked())
    begin_beside(making, lambda: done.append("next"), name="next")
    wait_until(lambda: done == ["next"])


def test_where_no_thread_can_be_started_nothing_stays_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    making = threading.Lock()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        with pytest.raises(RuntimeError):
            begin_beside(making, lambda: None, name="never")
    assert not making.locked()
