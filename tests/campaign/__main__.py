"""`python -m tests.campaign`: kills, fuzzing and odd systems, for minutes or hours.

Every case is made from the seed, its part and its number. One that fails is printed with the
command that repeats it, and its input files are kept in the folder of findings.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.campaign.case_process import Finding, run_part
from tests.campaign.parts import PARTS, Part


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign; return 1 if anything was found."""
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all parts (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--only", action="append", choices=names, metavar="PART",
                        help="one of " + ", ".join(names) + "; may be repeated")  # fmt: skip
    parser.add_argument("--cases", type=int, help="the most cases of each part")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--folder", type=Path, help="where findings are kept (default: a new one)")
    options = parser.parse_args(arguments)
    chosen = [part for part in PARTS if not options.only or part.name in options.only]
    findings_folder = options.folder or Path(tempfile.mkdtemp(prefix="scumble-campaign-"))
    shares = sum(part.share for part in chosen)
    found: list[Finding] = []
    for part in chosen:
        seconds = 60 * options.minutes * part.share / shares
        outcomes, findings, done, took = _run(part, options, seconds, findings_folder)
        found += findings
        print(f"{part.name}: {done} cases in {took:.0f} s, {len(findings)} faults. {part.text}")
        for outcome, count in sorted(outcomes.items()):
            print(f"    {count:7}  {outcome}")
        sys.stdout.flush()
    if found:
        print(f"{len(found)} faults; the files are in {findings_folder}.")
    elif not options.folder:
        findings_folder.rmdir()
    return 1 if found else 0


def _run(
    part: Part, options: argparse.Namespace, seconds: float, folder: Path
) -> tuple[Counter[str], list[Finding], int, float]:
    began = time.monotonic()
    outcomes: Counter[str] = Counter()
    findings = []
    done = 0
    skipped = part.why_skipped()
    if skipped:
        return Counter({f"SKIPPED: {skipped}": 1}), [], 0, 0.0
    for result in run_part(part, options.seed, options.first, options.cases, seconds, folder):
        done += 1
        if isinstance(result, Finding):
            findings.append(result)
            print(f"FAULT {result.text}\n    again: {result.command}\n    files: {result.folder}")
            sys.stdout.flush()
        else:
            outcomes[result] += 1
    return outcomes, findings, done, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
