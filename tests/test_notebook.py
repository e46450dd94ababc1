"""playground.trace: a run of a model in memory, equal to `generate`; the model is left alone; the HTML is safe."""

import copy
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

import playground
from playground.errors import InvalidArgumentError, NoChatTemplateError, OutOfRangeError, PromptTooLongError
from playground.settings import DEFAULT_MODEL
from tests.conftest import build_llama
from tests.talkers import TEMPLATES, turns_for, write_talker

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "The old king said to his"
HOSTILE = ("<script>alert(1)</script>", '"onmouseover="alert(1)', "&lt;b&gt;", "'><img/src=x>", "\u202ecba", "a")


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def run(model: Any, tokenizer: Any) -> playground.Trace:
    return playground.trace(model, tokenizer, PROMPT, seed=3, max_new_tokens=12, temperature=0.8, top_p=0.9)


def generated(model: Any, tokenizer: Any, seed: int, **arguments: Any) -> Any:
    """What transformers itself makes of it, asked directly."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model.generate(
            **tokenizer(PROMPT, return_tensors="pt"), return_dict_in_generate=True, output_logits=True,
            output_scores=True, **arguments,
        )  # fmt: skip


def test_the_run_is_that_of_generate(run: playground.Trace, model: Any, tokenizer: Any) -> None:
    model.eval()
    theirs = generated(
        model, tokenizer, 3, do_sample=True, temperature=0.8, top_p=0.9, top_k=0, max_new_tokens=12
    )  # fmt: skip
    prompt = len(tokenizer(PROMPT).input_ids)
    assert list(run.token_ids) == theirs.sequences[0, prompt:].tolist() and len(run.tokens) == 12
    assert run.text == tokenizer.decode(run.token_ids, skip_special_tokens=True)
    for token, logits, scores in zip(run.tokens, theirs.logits, theirs.scores, strict=True):
        raw, final = torch.log_softmax(logits[0].double(), -1), torch.softmax(scores[0].double(), -1)
        assert token.logprob == pytest.approx(float(raw[token.token_id]), abs=1e-6)
        assert token.probability == pytest.approx(math.exp(token.logprob), rel=1e-6)
        assert token.rank == 1 + int((raw > raw[token.token_id]).sum())
        assert token.entropy_nats == pytest.approx(float(-(raw.exp() * raw).sum()), abs=1e-5)
        assert token.final_probability == pytest.approx(float(final[token.token_id]), abs=1e-6)
        assert token.token == tokenizer.convert_ids_to_tokens(token.token_id).replace("Ġ", "␣").replace("Ċ", "⏎")
    found = run.verify()
    assert found.passed and (found.equal, found.tokens, found.largest_difference) == (12, 12, 0)


def test_greedy_and_stop_strings(model: Any, tokenizer: Any) -> None:
    model.eval()
    greedy = playground.trace(model, tokenizer, PROMPT, strategy="greedy", max_new_tokens=8)
    theirs = generated(model, tokenizer, 0, do_sample=False, max_new_tokens=8).sequences[0]
    assert list(greedy.token_ids) == theirs[-8:].tolist() and greedy.finish_reason == "length"
    stopped = playground.trace(model, tokenizer, PROMPT, strategy="greedy", stop_strings=[greedy.text[-3:]])
    assert stopped.finish_reason == "stop_string" and stopped.verify().passed


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_dialogue_is_read_as_the_tokenizers_own_template_writes_it(name: str, tmp_path: Path) -> None:
    folder, turns = write_talker(tmp_path, name), turns_for(name)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    run = playground.trace(model, tokenizer, messages=turns, seed=2, max_new_tokens=8)
    read = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert list(run.facts.request.prompt_ids) == read and run.verify().passed
    assert run.setup.to_json()["messages"] == turns and "prompt" not in run.setup.to_json()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        theirs = model.generate(
            torch.tensor([read]),
            do_sample=True,
            top_k=0,
            max_new_tokens=8,
            eos_token_id=[0, *run.facts.request.rendered.end_ids],
        )
    assert list(run.token_ids) == theirs[0, len(read) :].tolist()
    gone_on = playground.trace(model, tokenizer, messages=turns[:-1], continue_final_message=True, max_new_tokens=1)
    theirs = tokenizer.apply_chat_template(turns[:-1], continue_final_message=True, return_dict=True)["input_ids"]
    assert list(gone_on.facts.request.prompt_ids) == theirs
    assert "A wolf" in run._repr_html_() and "messages=" not in run._repr_html_()


def test_turns_that_can_not_be_read_are_refused_by_name(model: Any, tokenizer: Any) -> None:
    turns = [{"role": "user", "content": "Hello"}]
    with pytest.raises(NoChatTemplateError):
        playground.trace(model, tokenizer, messages=turns)
    for wrong in ([], "Hello", [{"role": "king", "content": "Hello"}], [{"content": "Hello"}]):
        with pytest.raises(InvalidArgumentError, match="messages"):
            playground.trace(model, tokenizer, messages=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="messages"):
        playground.trace(model, tokenizer, PROMPT, messages=turns)
    with pytest.raises(InvalidArgumentError, match="prompt"):
        playground.trace(model, tokenizer)


def test_another_architecture_and_what_its_generation_config_recommends(tokenizer: Any) -> None:
    torch.manual_seed(0)
    model = build_llama(8192, 64, 0.4)
    model.generation_config.update(do_sample=True, top_k=2, temperature=0.3)
    run = playground.trace(model, tokenizer, PROMPT, seed=1, max_new_tokens=6)
    assert run.verify().passed and "temperature" not in run.setup.settings
    assert any(token.rank > 2 for token in run.tokens)  # no top-k of 2


def test_the_model_is_left_as_it_was(tokenizer: Any) -> None:
    model = AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32)
    model.generation_config.update(top_k=7, max_length=99)
    model.train()
    model.transformer.h[0].eval()
    kept, kind = copy.deepcopy(model.generation_config), type(model)
    modes = [part.training for part in model.modules()]
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    run = playground.trace(model, tokenizer, PROMPT, max_new_tokens=3)
    assert run.verify().passed  # with dropout it would not
    assert model.generation_config == kept and type(model) is kind
    assert [part.training for part in model.modules()] == modes
    assert not any(part._forward_pre_hooks or part._forward_hooks for part in model.modules())
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())


def test_numbers_stay_and_a_comparison_fails_once_the_weights_are_others(model: Any, tokenizer: Any) -> None:
    own = copy.deepcopy(model)
    run = playground.trace(own, tokenizer, PROMPT, strategy="greedy", max_new_tokens=4)
    before, html = run.tokens, run._repr_html_()
    with torch.no_grad():
        own.transformer.wte.weight.mul_(-1)
    assert not run.verify().passed
    assert run.tokens == before and html[:-6] in run._repr_html_()  # but for the line that says so


def test_the_same_twice_and_another_with_another_seed(run: playground.Trace, model: Any, tokenizer: Any) -> None:
    arguments: dict[str, Any] = {"max_new_tokens": 12, "temperature": 0.8, "top_p": 0.9}
    assert playground.trace(model, tokenizer, PROMPT, seed=3, **arguments).token_ids == run.token_ids
    assert playground.trace(model, tokenizer, PROMPT, seed=4, **arguments).token_ids != run.token_ids


def test_a_row_a_token(run: playground.Trace) -> None:
    pytest.importorskip("pandas")
    table = run.to_dataframe()
    assert list(table.columns) == [
        "step", "token_id", "token", "logprob", "probability", "rank", "entropy_nats", "final_probability",
    ]  # fmt: skip
    assert list(table["token_id"]) == list(run.token_ids) and list(table["step"]) == list(range(12))
    assert table["logprob"].sum() == pytest.approx(run.facts.cum_logprob)


def test_without_pandas_it_says_so(run: playground.Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        run.to_dataframe()


class Reader(HTMLParser):
    """What a browser would make of it: tags with attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_text_in_colour(run: playground.Trace) -> None:
    reader = Reader(run._repr_html_())
    spans = [attributes for tag, attributes in reader.tags if tag == "span"]
    assert "".join(reader.texts).startswith(PROMPT + run.text.replace("\n", "⏎"))
    shades = [float(re.search(r"rgba\(0,114,178,([\d.]+)\)", one["style"] or "")[1]) for one in spans[1:]]  # type: ignore[index]
    assert shades == pytest.approx([0.56 * token.probability for token in run.tokens], abs=0.006)
    for token, one in zip(run.tokens, spans[1:], strict=True):
        assert token.token in (one["title"] or "") and f"{token.probability:.4g}" in (one["title"] or "")
    assert "temperature=0.8, top_p=0.9, seed=3" in reader.texts[-2] + reader.texts[-1]


def test_a_comparison_is_shown_from_then_on(model: Any, tokenizer: Any) -> None:
    run = playground.trace(model, tokenizer, PROMPT, max_new_tokens=3)
    assert "transformers" not in run._repr_html_()
    run.verify()
    assert "equals transformers.generate: 3/3 tokens" in Reader(run._repr_html_()).texts[-1]


def test_hostile_tokens_are_text() -> None:
    words = {word: i for i, word in enumerate(HOSTILE)}
    inner = Tokenizer(WordLevel(words, unk_token="a"))
    inner.pre_tokenizer = WhitespaceSplit()
    config = GPT2Config(
        vocab_size=len(words), n_positions=64, n_embd=16, n_layer=1, n_head=2, bos_token_id=None, eos_token_id=None
    )
    torch.manual_seed(0)
    model = GPT2LMHeadModel(config)
    model.config.name_or_path = "<b>model</b>"
    prompt = " ".join(HOSTILE)
    run = playground.trace(
        model, PreTrainedTokenizerFast(tokenizer_object=inner), prompt, max_new_tokens=40, stop_strings=["</div><b>"]
    )
    assert {token.token_id for token in run.tokens} == set(words.values())  # each was drawn
    html = run._repr_html_()
    reader = Reader(html)
    assert {tag for tag, _ in reader.tags} == {"div", "span"}
    assert {name for _, attributes in reader.tags for name in attributes} <= {"style", "title"}
    assert all(re.fullmatch(r"[\w\s:;,.()%-]+", one["style"] or "") for _, one in reader.tags if "style" in one)
    assert "\u202e" not in html and "<U+202E>cba" in "".join(reader.texts)  # nor does it turn the page around
    for word in HOSTILE[:4]:
        assert word in reader.texts and any(word in (one.get("title") or "") for _, one in reader.tags)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"temperature": -1}, OutOfRangeError, "temperature"),
        ({"tempreature": 1}, InvalidArgumentError, "tempreature"),
        ({"strategy": "beam"}, InvalidArgumentError, "greedy, sample"),
        ({"strategy": 3}, InvalidArgumentError, "greedy, sample"),
        ({"max_new_tokens": 0}, OutOfRangeError, "max_new_tokens"),
        ({"max_new_tokens": 2000}, OutOfRangeError, "max_new_tokens"),
        ({"prompt": [1, 2]}, InvalidArgumentError, "prompt"),
        ({"prompt": "king " * 600}, PromptTooLongError, "512"),
        ({"seed": "one"}, OutOfRangeError, "seed"),
        ({"model": "gpt2"}, InvalidArgumentError, "causal language model"),
        ({"model": torch.nn.Linear(2, 2)}, InvalidArgumentError, "causal language model"),
    ],
)
def test_what_does_not_fit_is_said(
    model: Any, tokenizer: Any, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        playground.trace(**{"model": model, "tokenizer": tokenizer, "prompt": PROMPT} | arguments)


def test_a_model_in_half_precision_is_refused_by_name(model: Any, tokenizer: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"float32.*float16 on cpu"):
        playground.trace(copy.deepcopy(model).half(), tokenizer, PROMPT)


def test_importing_the_package_brings_none_of_it() -> None:
    script = (
        "import sys, playground\nassert 'torch' not in sys.modules\nfrom playground import Trace, trace\n"
        "assert 'gradio' not in sys.modules and trace is playground.trace and Trace.verify\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError):
        playground.no_such_thing  # noqa: B018


def test_what_readme_shows_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    (code,) = [block for block in blocks if "playground.trace(" in block]
    assert len(code.splitlines()) <= 10 and "assert" in code
    exec(compile(code, "README.md", "exec"), {})
