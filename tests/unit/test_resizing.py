"""Resizing stays in the threads that ask for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.model

RESIZING = """
import json, os, threading
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from search.encoders import load_encoder
encoder = load_encoder("mini", device="cpu")
image = Image.new("RGB", (1200, 900))
both = threading.Barrier(2)
def threads(work):
    both.wait()
    work()
    both.wait()
    return len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0
with ThreadPoolExecutor(2) as pool:
    before = set(pool.map(threads, [int, int]))
    after = set(pool.map(threads, [lambda: encoder.preprocess([image])] * 2))
print(json.dumps([sorted(before), sorted(after)]))
"""


@pytest.mark.parametrize("capability", ["default", "avx2"])
def test_resizing_opens_no_threads(capability: str) -> None:
    """Or each thread that decodes would have as many as there are cores, beside the model.

    "default" has torch take the CPU for one without AVX2.
    """
    done = subprocess.run(
        [sys.executable, "-c", RESIZING],
        capture_output=True, text=True, timeout=180, cwd=Path(__file__).parents[2],
        env={**os.environ, "ATEN_CPU_CAPABILITY": capability, "OMP_NUM_THREADS": "4"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    before, after = json.loads(done.stdout)
    assert after == before
