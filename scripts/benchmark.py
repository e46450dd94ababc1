"""Benchmark: ratios taken in one run, ours and the other side in turns, so that noise hits both alike.

    python scripts/benchmark.py                     everything, with every demand judged (about 5 minutes)
    python scripts/benchmark.py --only throughput   one section
    python scripts/benchmark.py --smoke             most of it in a reduced form (minutes), figures not judged

Exits with an error only if something failed that no noise excuses: other tokens than transformers', a forward pass
for a slider, a request that leaves the machine, a page that grows or raises an error.
"""

import argparse
import importlib
import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # every model here is in the repository or made of random weights
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as app.py sets it, for all sides

from benchmark_report import Report

# each a module benchmark_<name> with measure(report)
SECTIONS = (
    "startup", "memory", "throughput", "processors", "beams", "compare", "slider", "live", "beam_live", "tokenizer",
    "inside",
)  # fmt: skip
BY_NAME_ONLY = ("ctranslate2",)  # needs what is not among the requirements: make bench-ctranslate2
SEEN_BY_TESTS = {"slider", "tokenizer", "inside"}  # what may never fail in them browser tests hold too: not in a smoke


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the playground against transformers and against its demands.")
    parser.add_argument("--smoke", action="store_true", help="reduced form: only what must never fail is judged")
    parser.add_argument("--only", choices=(*SECTIONS, *BY_NAME_ONLY), help="one section")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    report = Report(options.smoke)
    print(f"{os.cpu_count()} processors, {_load()}")
    wanted = [name for name in SECTIONS if not (options.smoke and name in SEEN_BY_TESTS)]
    for name in [options.only] if options.only else wanted:
        importlib.import_module(f"benchmark_{name}").measure(report)  # a section imports what it needs, and only then
    print(f"\n{_load()}; {len(report.failed)} failed" + "".join(f"\n  ✗ {what}" for what in report.failed))
    if report.missed and not report.is_smoke:
        print(f"{len(report.missed)} demands missed" + "".join(f"\n  ✗ {what}" for what in report.missed))
    return 1 if report.failed else 0


def _load() -> str:
    """How busy the machine is: figures taken beside other work say little."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


if __name__ == "__main__":
    sys.exit(main())
