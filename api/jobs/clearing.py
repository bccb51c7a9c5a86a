"""Jobs of long ago are forgotten: what was asked and said of them, and not what their runs made."""

import fcntl
import re
import time
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from api.jobs.schemas import JobOut
from indexer.job import read_json

RESUMABLE_S = 30 * 86_400.0
"""How long nothing has to be heard of a job that could be resumed before it is forgotten."""

_NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[A-Za-z_]\w*(-\d+)?", re.ASCII)
_LOCK = "lock"
_STATE = "state.json"
_FILES = frozenset({"request.json", _STATE, "cancel", _LOCK})


def clear_old(asked: Path, keep: int) -> list[str]:
    """Remove the folders of jobs that have ended, but for the newest `keep`; their names.

    One that could be resumed stays until `RESUMABLE_S` after it was last heard of. One that runs
    stays, as does whatever is not a job's folder or holds something else; where the file system
    has no locks, all do.
    """
    try:
        names = sorted((path.name for path in asked.iterdir()), reverse=True)
    except OSError:
        return []
    jobs = [name for name in names if _NAME.fullmatch(name)]
    return [name for name in jobs[keep:] if _cleared(asked / name)]


def _cleared(folder: Path) -> bool:
    """Remove the folder, if it may be; whether it was."""
    if folder.is_symlink() or not _is_due(folder):
        return False
    with suppress(OSError), (folder / _LOCK).open("a") as stream:
        # Who resumes it holds this; who would resume it from here on finds nothing.
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_due(folder):
            # What says that there is a job goes first: nobody sees half of one.
            for path in sorted(folder.iterdir(), key=lambda path: path.name != _STATE):
                path.unlink()
            folder.rmdir()
            return True
    return False


def _is_due(folder: Path) -> bool:
    """Whether it is a job's folder, with nothing else in it, that need not be kept any longer."""
    try:
        found = {path.name.removesuffix(".part") for path in folder.iterdir()}
        job = JobOut.model_validate(read_json(folder / _STATE))
        silent_s = time.time() - (folder / _STATE).stat().st_mtime
    except (OSError, ValidationError):
        return False
    if not found <= _FILES or job.id != folder.name:
        return False
    return job.state == "done" or silent_s > RESUMABLE_S
