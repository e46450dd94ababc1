"""Break the beam searches one way at a time, in a copy, and say which test notices.

    python scripts/mutate_beam_search.py            every mutation (about eight minutes on two cores)
    python scripts/mutate_beam_search.py --only eos diverse   those whose name holds one of the words

Exits with an error if one survives. The first eleven are the mistakes that re-implementations of beam search make; one
more, a bound that opens again, can't be made here: with one prompt the search ends when the bound closes.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEARCH = "playground/decoding/beam_search.py"
PARITY = "tests/parity/test_beam_search.py"
RECORDED = "tests/parity/test_recorded_beams.py"
LEAST = f"{PARITY}::test_no_sequence_ends_before_its_least_number_of_tokens"
DICE = "tests/decoding/test_stochastic_beam_search.py"


@dataclass(frozen=True)
class Mutation:
    """`old` becomes `new` in `path`; `tests` should notice."""

    name: str
    path: str
    old: str
    new: str
    tests: str = PARITY


DECODING = "playground/decoding"
MUTATIONS = (
    Mutation("the length counts the prompt", SEARCH, "scores / self._norm(length)",
             "scores / self._norm(length + len(self.prompt_ids))"),
    Mutation("the length leaves out the eos", SEARCH, "scores / self._norm(length)",
             "scores / self._norm(max(1, length - 1))"),
    Mutation("any candidate may finish", SEARCH, "ended & (torch.arange(len(extended)) < k)", "ended.clone()"),
    Mutation("2K candidates whatever the number of eos ids", SEARCH,
             "self.candidate_count = max(2, 1 + len(eos_ids)) * k",
             "self.candidate_count = 2 * k"),
    Mutation("early_stopping False means never", SEARCH, 'if self.settings.early_stopping == "never" and',
             "if self.settings.early_stopping is not True and"),
    Mutation("never means early_stopping False", SEARCH, 'if self.settings.early_stopping == "never" and',
             "if False and"),
    Mutation("no bound at all", SEARCH, "worst is None or bool(best_possible > worst)", "True"),
    Mutation("the bound asks for the best finished", SEARCH, "self.pool_scores.min()", "self.pool_scores.max()"),
    Mutation("the bound asks the worst running beam", SEARCH, "best_possible = self.running_scores[0]",
             "best_possible = self.running_scores[-1]"),
    Mutation("the cache is not reordered", "playground/engines/huggingface/kv_cache.py",
             "part[changed] = part[indices[changed]]", "pass"),
    Mutation("sums in float64", SEARCH, "accumulated = (processed + self.running_scores[:, None]).reshape(1, -1)",
             "accumulated = (processed.double() + self.running_scores[:, None].double()).reshape(1, -1)"),
    Mutation("beam sampling keeps one token", SEARCH, "max(2, 1 + len(eos_ids)) if is_beam_sampling else 1", "1"),
    Mutation("beam sampling sorts its draws", SEARCH, "scores = accumulated.gather(1, indices)",
             "indices = indices.sort()[0]; scores = accumulated.gather(1, indices)"),
    Mutation("processors see logits", SEARCH, "pipeline.run(self.processors, self.contexts, logprobs), logprobs)",
             "pipeline.run(self.processors, self.contexts, logits.expand(k, -1)), logprobs)"),
    Mutation("the ends are allowed one token early", f"{DECODING}/processors.py", "self.prompt_length >= self.value",
             "self.prompt_length >= self.value - 1", LEAST),
    Mutation("a stop string inside the text stops again", f"{DECODING}/stopping.py",
             "text.find(w, max(0, before - len(w) + 1))", "text.find(w)", "tests/decoding/test_stopping.py"),
    Mutation("diverse: the groups do not see each other", f"{DECODING}/diverse_beam_search.py",
             "penalised = logprobs - penalties if taken else logprobs", "penalised = logprobs", RECORDED),
    Mutation("diverse: the penalty stays out of the score", f"{DECODING}/diverse_beam_search.py",
             "parents, tokens = indices //",
             "scores = scores + penalties[indices % logprobs.shape[-1]]; parents, tokens = indices //", RECORDED),
    Mutation("diverse: a done group is forgotten", f"{DECODING}/diverse_beam_search.py",
             "taken += [self.eos_ids[0]] * self.size", "taken += []", RECORDED),
    Mutation("constrained: one bank for all", f"{DECODING}/constrained_beam_search.py",
             "BANK_WEIGHT + scores", "0 + scores", RECORDED),
    Mutation("constrained: the best of a bank come together", f"{DECODING}/constrained_beam_search.py",
             "turns[-1] + 1 if follows else 0", "0", RECORDED),
    Mutation("constrained: incomplete sequences finish", f"{DECODING}/constrained_beam_search.py",
             'if hypothesis.ended_by == "eos" and not hypothesis.missing:', 'if hypothesis.ended_by == "eos":',
             RECORDED),
    Mutation("constrained: a broken phrase stands first again", f"{DECODING}/phrases.py",
             "pending=(*self.pending, self.current)", "pending=(self.current, *self.pending)", RECORDED),
    Mutation("the 4.49 pool forgets its worst", f"{DECODING}/hypothesis_pool.py",
             "self._worst = self.entries[order[1]].score", "self._worst = self.entries[order[0]].score", RECORDED),
    Mutation("stochastic: the parent's sum sets no maximum", f"{DECODING}/stochastic_beam_search.py",
             "return perturbed.masked_fill", "return free.masked_fill", DICE),
    Mutation("stochastic: leaves compete by their sums", f"{DECODING}/stochastic_beam_search.py",
             "return hypothesis.perturbed\n", "return hypothesis.cum_logprob\n", DICE),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Break the beam searches one way at a time.")
    parser.add_argument("--only", nargs="+", default=[""], help="mutations whose name holds one of these")
    words = parser.parse_args().only
    wanted = [m for m in MUTATIONS if any(word in m.name for word in words)]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("playground", "tests", "scripts", "pyproject.toml"):
            source = ROOT / name
            shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy / name)
        (copy / "assets").symlink_to(ROOT / "assets")
        for mutation in wanted:
            noticed = notice(mutation, copy)
            survivors += noticed is None
            print(f"{'✓' if noticed else '✗'} {mutation.name:<52} {noticed or 'SURVIVED'}", flush=True)
    print(f"{len(wanted) - survivors} of {len(wanted)} noticed")
    return 1 if survivors else 0


def notice(mutation: Mutation, copy: Path) -> str | None:
    """The first test that fails under a mutation, or None. Raises ValueError if the code to change is not there."""
    path = copy / mutation.path
    text = path.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(
            f"{mutation.name}: {mutation.old!r} stands {text.count(mutation.old)} times in {mutation.path}"
        )
    path.write_text(text.replace(mutation.old, mutation.new))
    command = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", mutation.tests)
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    finally:
        path.write_text(text)
    found = re.search(r"^(?:FAILED|ERROR) \S*?::(\S+)", done.stdout, re.MULTILINE)
    return found[1] if found else None if done.returncode == 0 else "could not run"


if __name__ == "__main__":
    sys.exit(main())
