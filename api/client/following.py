"""The events of a job, read line by line, and where to go on after a connection that broke."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from api.jobs.schemas import JobOut

MOST_BREAKS = 5
"""Connections without a single event after which following gives up."""

SILENCE_S = 30.0
"""Longest wait for the next line: a heartbeat comes more often."""


@dataclass(slots=True)
class Following:
    """What is known of a job that is followed."""

    id: str
    seen: str = ""
    name: str = ""
    ended: bool = False
    breaks: int = 0

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

    def may_go_on(self) -> bool:
        """Whether it is worth connecting again."""
        self.breaks += 1
        return not self.ended and self.breaks <= MOST_BREAKS
