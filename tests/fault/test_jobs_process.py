"""Jobs of a real service in a process of its own: followed, cancelled, stopped with it, resumed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.client import Client
from api.jobs.errors import JobRunsError
from api.jobs.schemas import JobOptions, JobOut
from tests.sample_collection import sample_rows, write_catalog
from tests.serving_process import Serving, serving
from tests.waiting import wait_until

pytestmark = [pytest.mark.model, pytest.mark.slow]

SMALL = JobOptions(batch_size=2)
"""Batches so small that a job can be stopped in its middle."""


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    return str(write_catalog(sample_rows(), tmp_path / "catalog.csv"))


@pytest.fixture
def started(tmp_path: Path, catalog: str) -> Iterator[Serving]:
    with serving(tmp_path, job_sources=str(tmp_path)) as made:
        yield made


STOPPED = (0, -signal.SIGTERM)
"""How a process leaves that was asked to: some servers raise the signal again, once all is done."""


def first_embedded(client: Client, id: str) -> JobOut:
    """The job as soon as some of its images are embedded, and long before all are."""
    for job in client.follow_job(id):
        if job.progress.stages.encode:
            return job
    raise AssertionError("It ended before.")


def test_a_job_is_cancelled_at_its_next_batch_and_goes_on_from_there(
    started: Serving, catalog: str
) -> None:
    with Client(started.url) as client:
        id = client.start_job("index", catalog, options=SMALL).id
        first_embedded(client, id)
        with pytest.raises(JobRunsError) as refused:
            client.start_job("index", catalog)
        assert refused.value.details["job"] == id
        client.cancel_job(id)
        *_, cancelled = client.follow_job(id)
        assert (cancelled.state, cancelled.can_resume) == ("cancelled", True)
        assert cancelled.progress.stages.encode < 400
        client.resume_job(id)
        *_, done = client.follow_job(id)
        assert done.state == "done" and done.report is not None
        # What was stored is not embedded again.
        assert done.report.unchanged > 0
        assert done.report.indexed + done.report.unchanged == 400
        assert done.report.failed == 0


def test_ctrl_c_of_who_follows_a_job_by_the_command_line_cancels_it(
    started: Serving, catalog: str, tmp_path: Path
) -> None:
    code = "import sys; from api.cli.main import main; sys.argv[0] = 'vitrine'; main()"
    asked = ["index", catalog, "--server", started.url, "--batch-size", "2"]
    told = tmp_path / "told.txt"
    with told.open("wb") as stream:
        command = subprocess.Popen([sys.executable, "-c", code, *asked], stderr=stream)
    try:
        with Client(started.url) as client:
            wait_until(lambda: client.jobs().total == 1, 60)
            [job] = client.jobs().jobs
            assert first_embedded(client, job.id).state == "running"
            command.send_signal(signal.SIGINT)
            assert command.wait(60) == 130
            # It has waited: the job has ended, and can be gone on with.
            job = client.job(job.id)
            assert (job.state, job.can_resume) == ("cancelled", True)
            assert job.progress.stages.encode < 400
    finally:
        command.kill()
        command.wait(30)
    said = told.read_text("utf-8")
    assert "Cancelling the job" in said and "The job was cancelled" in said
    assert "the same command goes on from there" in said and "Traceback" not in said


def test_a_service_that_stops_ends_its_job_well_and_the_next_one_goes_on_with_it(
    tmp_path: Path, started: Serving, catalog: str
) -> None:
    with Client(started.url) as client:
        id = client.start_job("index", catalog, options=SMALL).id
        last = first_embedded(client, id)
        for last in client.follow_job(id):
            if last.state == "running" and started.process.poll() is None:
                started.process.terminate()
        # Who follows it is told of the end, and not cut off.
        assert last.state == "interrupted"
        assert started.process.wait(60) in STOPPED
    with serving(tmp_path, job_sources=str(tmp_path)) as again, Client(again.url) as client:
        [job] = client.jobs().jobs
        assert (job.id, job.state, job.can_resume) == (id, "interrupted", True)
        client.resume_job(id)
        *_, done = client.follow_job(id)
        assert done.state == "done" and done.report is not None
        assert done.report.unchanged > 0
        assert done.report.indexed + done.report.unchanged == 400


def test_a_service_that_is_killed_leaves_a_job_that_is_interrupted(
    tmp_path: Path, started: Serving, catalog: str
) -> None:
    with Client(started.url) as client:
        id = client.start_job("index", catalog, options=SMALL).id
        first_embedded(client, id)
        started.process.kill()
        started.process.wait(30)
    with serving(tmp_path, job_sources=str(tmp_path)) as again, Client(again.url) as client:
        assert client.job(id).state == "interrupted"
        # The same job anew goes on as well.
        other = client.start_job("index", catalog).id
        *_, done = client.follow_job(other)
        assert done.state == "done" and done.report is not None
        assert done.report.indexed + done.report.unchanged == 400
        assert done.report.resumed
