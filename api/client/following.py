"""The events of a job, read line by line, and where to go on after a connection that broke.

A service that sends events to as many as it may refuses one more: the job itself is asked for then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from api.jobs.schemas import JobOut
from search.errors import OverloadedError, UnavailableError

MOST_BREAKS = 5
"""Connections without a single event after which following gives up."""

SILENCE_S = 30.0
"""Longest wait for the next line: a heartbeat comes more often."""


ASKED_EVERY_S = 1.0
"""Seconds between two looks at a job whose events are not to be had."""


@dataclass(slots=True)
class Following:
    """What is known of a job that is followed; `by_asking`: without its events."""

    id: str
    seen: str = ""
    name: str = ""
    ended: bool = False
    breaks: int = 0
    by_asking: bool = False

    @property
    def path(self) -> str:
        """Where its events are."""
        return f"/v1/jobs/{quote(self.id, safe='')}/events"

    @property
    def headers(self) -> Mapping[str, str]:
        """Which of them were seen."""
        return {"Last-Event-ID": self.seen} if self.seen else {}

    def read(self, line: str) -> JobOut | None:
        """Take in a line; the job, where the line says it."""
        name, _, value = line.partition(": ")
        if name == "id":
            self.seen = value
        elif name == "event":
            self.name = value
        elif name == "data":
            self.breaks = 0
            self.ended = self.name == "end"
            return JobOut.model_validate_json(value)
        return None

    def take(self, job: JobOut) -> bool:
        """Take in the job as it was asked for; whether there is something new in it."""
        is_new = self.seen != str(job.revision)
        self.breaks, self.seen = 0, str(job.revision)
        self.ended = job.state != "running"
        return is_new or self.ended

    def bears(self, error: UnavailableError) -> bool:
        """Whether to go on after such an error: by asking, where there are too many streams."""
        if isinstance(error, OverloadedError) and not self.by_asking:
            self.by_asking = True
            return True
        return self.breaks <= 2

    def may_go_on(self) -> bool:
        """Whether it is worth connecting again."""
        self.breaks += 1
        return not self.ended and self.breaks <= MOST_BREAKS
