"""A program: decodes bad images within bounds of memory and time, and says in JSON how it went.

It is run as `python -m tests.fault.decode_bad_images COUNT SEED` from the repository.
"""

import faulthandler
import json
import resource
import sys
import time
from pathlib import Path

from search.errors import ImageError
from search.images import ImageLimits, decode_image
from tests.fault.bad_images import bad_images

MEMORY = 1_500_000_000
LIMITS = ImageLimits(max_bytes=5_000_000, max_pixels=4_000_000)
HANG_S = 120.0


def main(count: int, seed: int) -> dict[str, object]:
    """Decode them all; anything but an image or an ImageError ends the program."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    decoded, refused, unhelpful, slowest_s = 0, 0, [], 0.0
    for number, bad in enumerate(bad_images(count, seed)):
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        at_least = (16, 12) if number % 2 else None
        started = time.thread_time()
        try:
            image = decode_image(bad.data, LIMITS, name="shoe", at_least=at_least)
            if image.mode != "RGB" or image.info:
                unhelpful.append(f"{bad.number} {bad.kind}: {image.mode} {image.info}")
            image.resize((8, 8))
            decoded += 1
        except ImageError as error:
            refused += 1
            if not (error.message.startswith("shoe ") and error.hint):
                unhelpful.append(f"{bad.number} {bad.kind}: {error}")
        slowest_s = max(slowest_s, time.thread_time() - started)
    faulthandler.cancel_dump_traceback_later()
    # Not ru_maxrss: Linux lets a child begin with the peak of the process that started it.
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
    return {
        "decoded": decoded, "refused": refused, "unhelpful": unhelpful,
        "slowest_s": slowest_s, "peak_mb": peak_mb,
    }  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
