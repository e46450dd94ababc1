"""Mutations: break the processors on purpose, one way at a time, in a copy, and see which test notices.

    python scripts/mutate_processors.py              all of them (about ten seconds each)
    python scripts/mutate_processors.py --only 3     the third

Exits with an error if a mutation passes every test.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = (
    "tests/decoding/test_stopping.py", "tests/decoding/test_every_processor.py", "tests/parity/test_every_processor.py"
)  # fmt: skip
DECODING = "playground/decoding/"

# (file, what is there, what is put instead): each occurs exactly once.
MUTATIONS: tuple[tuple[str, str, str], ...] = (
    ("processors_truncation.py", "<= (entropy * self.value)", "< (entropy * self.value * 0.9)"),
    ("processors_truncation.py",
     "torch.min(epsilon, torch.sqrt(epsilon) * torch.exp(-entropy))",
     "torch.sqrt(epsilon) * torch.exp(-entropy)"),
    ("processors_truncation.py", "numpy() < np.float32(self.value)", "numpy() <= np.float32(1.3 * self.value)"),
    ("processors.py",
     "context.shape[-1] - self.prompt_length >= self.value",
     "context.shape[-1] >= self.value"),
    ("processors_constraints.py", "if 1 < len(ids) == length:", "if False:"),
    ("processors_constraints.py", "if not (len(ids) == 1 and ids[0] in self.eos_ids)", "if True"),
    ("processors_constraints.py", "np.abs(own) * np.float32(power - 1)", "own * np.float32(power - 1)"),
    ("processors_constraints.py", "self.prompt_length - self.start", "self.start"),
    ("processors_watermark.py", "HASHING_KEY * last_id % (2**64 - 1)", "HASHING_KEY + last_id"),
    ("processors_watermark.py", "math.sqrt(scored * ratio * (1 - ratio))", "math.sqrt(scored * ratio)"),
    ("processors_guidance.py",
     "self.value * (guided - unguided) + unguided",
     "self.value * (guided - unguided) + guided"),
    ("processors_guidance.py",
     "self.negative_prompt_ids or prompt_ids[-1:]",
     "self.negative_prompt_ids or prompt_ids"),
    ("sampling.py", "negative = negative.advance([0], [choice.token_id]) if negative else None", "pass"),
    ("processors_mirostat.py",
     "state - self.eta * (surprise - self.tau)",
     "state + self.eta * (surprise - self.tau)"),
    ("processors_community.py", "XTC_STREAM + self.seed", "XTC_STREAM + self.seed + step"),
    ("processors_penalties.py", "max(length, lengths.get(follower, 0))", "length"),
    ("processors_softening.py",
     "below * below * (np.float32(k) + np.float32(s) * below)",
     "below * below * (np.float32(k) - np.float32(s) * below)"),
    ("orders.py", '"typical_p",\n    "epsilon_cutoff"', '"epsilon_cutoff", "typical_p"'),
    ("stopping.py", "max(0, before - len(w) + 1)", "0"),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Break the processors one way at a time and see which test notices.")
    parser.add_argument("--only", type=int, help="the number of one mutation, from 1")
    only = parser.parse_args().only
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        copy.mkdir()
        for name in ("playground", "tests", "assets", "scripts"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        for number, mutation in enumerate(MUTATIONS, 1):
            if only in (None, number):
                missed += not _is_caught(copy, number, *mutation)
    print(f"{missed} mutations passed every test")
    return 1 if missed else 0


def _is_caught(copy: Path, number: int, name: str, there: str, instead: str) -> bool:
    path = copy / DECODING / name
    original = path.read_text(encoding="utf-8")
    if original.count(there) != 1:
        print(f"{number:2}  {name}: {there!r} is there {original.count(there)} times: the script is out of date")
        return False
    path.write_text(original.replace(there, instead), encoding="utf-8")
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *TESTS],
            cwd=copy, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
    finally:
        path.write_text(original, encoding="utf-8")
    caught = re.search(r"^(?:FAILED|ERROR) \S*?(\w+\.py)(?:::(\S+))?", run.stdout, flags=re.M)
    by = f"{caught[1]}::{caught[2]}" if caught else "NOTHING"
    print(f"{number:2}  {name:28} {' '.join(there.split())[:48]:48}  caught by {by}", flush=True)
    return run.returncode == 1 and caught is not None


if __name__ == "__main__":
    sys.exit(main())
