"""Runs the cases, and prints `N passed, M failed`."""

import argparse
import importlib.util
import os
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import Skip

CASES = Path(__file__).parent / "cases"
# Most cases wait more than they work.
WORKERS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="a part of the names of the cases")
    allow = "succeed if the machine allows none of the cases"
    parser.add_argument("--allow-skipped", action="store_true", help=allow)
    arguments = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    programs = Path(os.environ.get("PROGRAMS", target / "debug")).resolve()
    paths = [path for path in sorted(CASES.glob("*.py")) if arguments.name in path.stem]
    # Those that wait for a timeout begin first.
    cases = sorted(map(load, paths), key=lambda case: not getattr(case, "IS_SLOW", False))
    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(lambda case: run(case, programs), cases))
    passed, failed, skipped = (outcomes.count(kind) for kind in ["ok", "FAILED", "skipped"])
    if skipped:
        print(f"{skipped} skipped")
    if not passed and not failed and not arguments.allow_skipped:
        failed = 1
        print("no case ran, which counts as a failure without --allow-skipped")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


def run(case, programs):
    outcome, reason = "ok", ""
    try:
        case.run(programs)
    except Skip as skip:
        outcome, reason = "skipped", f": {skip}"
    except Exception:
        traceback.print_exc()
        outcome = "FAILED"
    print(f"case {case.__name__} ... {outcome}{reason}", flush=True)
    return outcome


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    case = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(case)
    return case


if __name__ == "__main__":
    main()
