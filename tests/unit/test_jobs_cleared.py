"""Which jobs a service forgets, and which never."""

import os
import time
from pathlib import Path

import pytest

from api.jobs.clearing import RESUMABLE_S
from api.jobs.errors import JobNotFoundError
from api.jobs.folders import JobFolders
from api.jobs.schemas import JobBody, JobOut, State
from indexer.job import Held

BODY = JobBody(kind="index", source="/srv/catalogue.csv")


@pytest.fixture
def folders(tmp_path: Path) -> JobFolders:
    return JobFolders(tmp_path)


def begun(folders: JobFolders) -> tuple[JobOut, Held]:
    return folders.begin(BODY, "products")


def ended(folders: JobFolders, state: State = "done", *, days_ago: float = 0) -> str:
    """The id of a job that ended so, and so long ago."""
    job, held = begun(folders)
    folders.write(job.model_copy(update={"state": state}))
    held.release()
    then = time.time() - days_ago * 86_400
    os.utime(asked(folders, job.id) / "state.json", (then, then))
    return job.id


def asked(folders: JobFolders, id: str) -> Path:
    return folders._asked / id


def known(folders: JobFolders) -> list[str]:
    return [job.id for job in folders.all()]


def test_the_newest_stay_and_those_before_go_whole(folders: JobFolders) -> None:
    ids = [ended(folders) for _ in range(5)]
    assert folders.clear(keep=2) == ids[2::-1]
    assert known(folders) == [ids[4], ids[3]]
    assert not any(asked(folders, id).exists() for id in ids[:3])
    with pytest.raises(JobNotFoundError):
        folders.get(ids[0])
    assert folders.clear(keep=2) == []


def test_one_that_runs_stays_however_old_it_is(folders: JobFolders) -> None:
    job, held = begun(folders)
    state = asked(folders, job.id) / "state.json"
    os.utime(state, (0, 0))
    newer = [ended(folders) for _ in range(3)]
    assert folders.clear(keep=1) == newer[1::-1]
    assert folders.get(job.id).state == "running"
    held.release()
    # Now it is one that was interrupted, of which nothing was heard for long.
    assert folders.clear(keep=1) == [job.id]


@pytest.mark.parametrize("state", ["failed", "cancelled", "interrupted", "running"])
def test_what_could_be_resumed_stays_longer(folders: JobFolders, state: State) -> None:
    days = RESUMABLE_S / 86_400
    due = ended(folders, state, days_ago=days + 1)
    not_yet = ended(folders, state, days_ago=days - 1)
    last = ended(folders)
    assert folders.clear(keep=1) == [due]
    assert known(folders) == [last, not_yet]
    assert folders.get(not_yet).can_resume


def test_a_job_that_somebody_resumes_at_that_moment_stays(folders: JobFolders) -> None:
    id = ended(folders, "failed", days_ago=1000)
    ended(folders)
    held = folders.hold(id)  # As resuming begins: what its state says is old by then.
    assert folders.clear(keep=1) == []
    held.release()
    assert folders.request(id) == BODY


def test_what_is_no_job_of_ours_stays(folders: JobFolders, tmp_path: Path) -> None:
    ids = [ended(folders) for _ in range(4)]
    (asked(folders, ids[0]) / "notes.txt").write_text("mine")
    moved = asked(folders, "20200101T000000.000Z-copied")
    asked(folders, ids[1]).rename(moved)
    elsewhere = tmp_path / "elsewhere"
    asked(folders, ids[2]).rename(elsewhere)
    asked(folders, ids[2]).symlink_to(elsewhere)
    empty = asked(folders, "20200101T000000.000Z-empty")
    empty.mkdir()
    (folders._asked / "readme.txt").write_text("mine")
    (folders._asked / "20200101T000000.000Z-file").write_text("mine")
    before = sorted(path for path in tmp_path.rglob("*"))
    assert folders.clear(keep=1) == []
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_runs_keep_their_folders(folders: JobFolders, tmp_path: Path) -> None:
    id = ended(folders)
    run = tmp_path / id / "shards"
    run.mkdir(parents=True)
    ended(folders)
    assert folders.clear(keep=1) == [id]
    assert run.is_dir()


def test_without_any_job_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert JobFolders(tmp_path / "none").clear(keep=1) == []
