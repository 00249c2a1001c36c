"""Runs the cases, and prints `N passed, M failed`."""

import importlib.util
import os
import sys
import traceback
from pathlib import Path

from harness import Skip

CASES = Path(__file__).parent / "cases"


def main():
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    programs = Path(os.environ.get("PROGRAMS", target / "debug")).resolve()
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    passed, failed = 0, 0
    for path in sorted(CASES.glob("*.py")):
        if wanted not in path.stem:
            continue
        try:
            load(path).run(programs)
            outcome, passed = "ok", passed + 1
        except Skip as reason:
            outcome = f"skipped: {reason}"
        except Exception:
            traceback.print_exc()
            outcome, failed = "FAILED", failed + 1
        print(f"case {path.stem} ... {outcome}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    case = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(case)
    return case


if __name__ == "__main__":
    main()
