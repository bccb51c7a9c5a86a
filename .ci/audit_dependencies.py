"""Are there known vulnerabilities in what constraints.txt pins? Asks by pip-audit.

Without a network nothing can be asked: then it says that nothing was checked, and is no failure.
Exit codes: 0 none known, or not checked; 1 some are known.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
AUDIT = ("--requirement", "constraints.txt", "--no-deps", "--disable-pip", "--format", "json")
TIMEOUT_S = "5"


def verdict(report: str, complaint: str) -> tuple[int, str]:
    """What pip-audit's JSON report comes to: an exit code, and what to say of it.

    `complaint` is what it said on stderr. A package that it could not ask about is not one without
    vulnerabilities.
    """
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        why = (complaint.strip().splitlines() or ["no report"])[-1]
        return 0, f"Dependencies: NOT CHECKED, pip-audit gave no report ({why})."
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        return 0, "Dependencies: NOT CHECKED, nothing is known of any of them here."
    found = [
        f"  {package['name']} {package['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package in asked
        for flaw in package["vulns"]
    ]
    unasked = len(packages) - len(asked)
    said = f"Dependencies: {len(asked)} checked, {unasked} unknown, {len(found)} vulnerabilities."
    return int(bool(found)), "\n".join([said, *found])


def main() -> int:
    """Audit, or say that it was not done."""
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", *AUDIT]
    command += ["--timeout", TIMEOUT_S]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    code, said = verdict(done.stdout, done.stderr)
    sys.stderr.write(said + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
