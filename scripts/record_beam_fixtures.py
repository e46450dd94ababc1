"""Record what transformers 4.49.0's group and constrained beam search return: the fixtures of tests/parity.

transformers 5 has moved both to the Hub, so that no release that runs offline can be asked live. Run this in an
environment of its own (it refuses any other release):

    python -m venv legacy
    legacy/bin/pip install transformers==4.49.0 torch numpy
    legacy/bin/python scripts/record_beam_fixtures.py

The model is tests/parity/hashed_model.py, a formula with exact logits: the fixtures depend on no random weights. They
hold the settings and what came back. 4.49 writes the first of several end-of-text ids, whichever it was; it pads with
it too, so a sequence is cut after the first end-of-text id.
"""

import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import transformers
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from tests.parity.hashed_model import Hashed

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "parity" / "fixtures"
RELEASE = "4.49.0"
CASES = 400  # of each kind
EOS_SETS = ((), (1,), (1,), (1, 2, 3), tuple(range(1, 9)))


class HashedForCausalLM(PreTrainedModel, GenerationMixin):
    """The formula behind `generate`, without a cache."""

    config_class = PretrainedConfig

    def __init__(self, hashed: Hashed) -> None:
        super().__init__(PretrainedConfig(vocab_size=hashed.vocab_size))
        self.hashed = hashed
        self.anchor = torch.nn.Parameter(torch.zeros(1))  # says on which device and in which precision

    def prepare_inputs_for_generation(
        self, input_ids: torch.Tensor, attention_mask: Any = None, **_: Any
    ) -> dict[str, Any]:
        return {"input_ids": input_ids}

    def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, **_: Any) -> CausalLMOutput:
        return CausalLMOutput(logits=torch.stack([self.hashed.logits(ids) for ids in input_ids.tolist()])[:, None])


def model_of(dice: random.Random) -> dict[str, Any]:
    eos_ids = dice.choice(EOS_SETS)
    return {
        "seed": dice.randrange(2**20), "vocab_size": dice.choice((12, 24)), "eos_ids": list(eos_ids),
        "eos_bias": dice.choice((-2.0, 0.0, 1.0, 3.0)) if eos_ids else 0.0,
    }  # fmt: skip


def shared_settings(dice: random.Random) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "max_new_tokens": dice.choice((5, 8, 12)),
        "length_penalty": dice.choice((-1.0, 0.0, 0.7, 1.0, 2.0)),
        "early_stopping": dice.choice((True, False, "never")),
    }
    if dice.random() < 0.25:
        settings |= {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2}
    if dice.random() < 0.25:
        settings["min_new_tokens"] = 3
    return settings


def diverse_case(dice: random.Random) -> dict[str, Any]:
    beams, groups = dice.choice(((2, 2), (4, 2), (4, 4), (6, 2), (6, 3), (8, 2), (8, 4)))
    penalty = dice.choice((0.2, 0.5, 0.7, 1.0, 5.0))
    settings = {"num_beams": beams, "num_beam_groups": groups, "diversity_penalty": penalty} | shared_settings(dice)
    return {"model": model_of(dice), "prompt": [dice.randrange(9, 12) for _ in range(4)], "settings": settings}


def constrained_case(dice: random.Random) -> dict[str, Any]:
    beams = dice.choice((2, 3, 5, 8))
    count = dice.choice((1, 1, 2, 3))
    phrases = [[dice.randrange(9, 12) for _ in range(dice.choice((1, 2, 3)))] for _ in range(count)]
    settings = {
        "num_beams": beams, "phrases": phrases, "num_return_sequences": dice.choice((1, beams)),
    } | shared_settings(dice)  # fmt: skip
    return {"model": model_of(dice), "prompt": [dice.choice((0, 9, 10)) for _ in range(4)], "settings": settings}


def run(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The sequences that `generate` returns, best first."""
    settings = dict(case["settings"])
    eos_ids = case["model"]["eos_ids"]
    phrases = settings.pop("phrases", None)
    model = HashedForCausalLM(Hashed(**case["model"] | {"eos_ids": tuple(eos_ids)}))
    prompt = torch.tensor([case["prompt"]])
    captured: list[Any] = []
    with Scores(captured):
        output = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            eos_token_id=eos_ids or None,
            use_cache=False,
            do_sample=False,
            **({"num_return_sequences": settings["num_beams"]} | settings),
            **({"force_words_ids": phrases} if phrases else {}),
        )
    found = []
    for row, score in zip(output[:, prompt.shape[1] :].tolist(), captured[0].tolist(), strict=True):
        end = next((place + 1 for place, i in enumerate(row) if i in eos_ids), len(row))
        found.append({"token_ids": row[:end], "score": score})
    return found


class Scores:
    """Listens to what the scorers return: asked for scores, 4.49's constrained search fails on incomplete beams."""

    def __init__(self, captured: list[Any]) -> None:
        self.captured = captured

    def __enter__(self) -> None:
        from transformers.generation import beam_search

        self.originals = {
            c: c.finalize for c in (beam_search.BeamSearchScorer, beam_search.ConstrainedBeamSearchScorer)
        }
        for scorer, original in self.originals.items():
            scorer.finalize = self._listening(original)

    def __exit__(self, *_: object) -> None:
        for scorer, original in self.originals.items():
            scorer.finalize = original

    def _listening(self, original: Any) -> Any:
        def finalize(scorer: Any, *args: Any, **kwargs: Any) -> Any:
            answer = original(scorer, *args, **kwargs)
            self.captured.append(answer["sequence_scores"].clone())
            return answer

        return finalize


def main() -> None:
    if transformers.__version__ != RELEASE:
        sys.exit(f"This records transformers {RELEASE}; installed is {transformers.__version__}.")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    FIXTURES.mkdir(exist_ok=True)
    for name, build in (("diverse", diverse_case), ("constrained", constrained_case)):
        dice = random.Random(name)
        cases: list[dict[str, Any]] = []
        while len(cases) < CASES:
            case = build(dice)
            cases.append(case | {"sequences": run(case)})
        text = json.dumps({"transformers": RELEASE, "cases": cases}, separators=(",", ":"))
        path = FIXTURES / f"{name}_beam_search.json.gz"
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
        print(f"{path.name}: {len(cases)} cases, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
