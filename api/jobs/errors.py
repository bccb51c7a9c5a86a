"""Refusals of jobs and of what is done to versions, told to the client in their own words."""

from search.errors import ConflictError, InvalidInputError, NotFoundError


class SourceRefusedError(InvalidInputError):
    """The operator does not allow jobs to read from there: 403."""

    code = "source_refused"


class JobNotFoundError(NotFoundError):
    """There is no job of that id: 404."""

    code = "job_not_found"


class VersionNotFoundError(NotFoundError):
    """There is no such alias, or no version to go back to: 404."""

    code = "version_not_found"


class JobRunsError(ConflictError):
    """Another job writes into the same collection: 409."""

    code = "job_runs"


class StateConflictError(ConflictError):
    """What a job or a version is does not go with what is asked of it: 409."""

    code = "state_conflict"
