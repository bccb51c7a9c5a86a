"""Ten thousand spoilt pictures: each is decoded or refused with a reason, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EACH = 5_000


def test_every_bad_image_is_decoded_or_refused_with_a_reason() -> None:
    program = [sys.executable, "-W", "error", "-m", "tests.fault.decode_bad_images", str(EACH)]
    runs = [
        subprocess.Popen(
            [*program, seed],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    for run in runs:
        out, err = run.communicate(timeout=500)
        assert (run.returncode, err) == (0, "")
        found = json.loads(out)
        assert found["unhelpful"] == []
        assert found["decoded"] + found["refused"] == EACH
        assert found["decoded"] > EACH / 10
        assert found["refused"] > EACH / 3
        assert found["slowest_s"] < 5
        assert found["peak_mb"] < 400
