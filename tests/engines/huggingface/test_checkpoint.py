"""What is no whole causal language model is refused, and named for what it is; nothing random gets a badge."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertLMHeadModel,
    BertModel,
    CamembertConfig,
    CpmAntConfig,
    CpmAntForCausalLM,
    Data2VecTextConfig,
    ElectraConfig,
    ElectraForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Model,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaModel,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
    XLMConfig,
    XLMWithLMHeadModel,
)

from playground import settings
from playground.engines.huggingface.backend import load
from playground.engines.huggingface.tokenizers_at_hand import TokenizerShelf
from playground.errors import ModelUnavailableError, TokenizerUnavailableError
from playground.i18n import translator
from playground.panels.wording import model_line

t = translator()
WIDTH: dict[str, Any] = {
    "vocab_size": 8192, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
    "max_position_embeddings": 64,
}  # fmt: skip
GPT2 = GPT2Config(vocab_size=8192, n_layer=2, n_head=2, n_embd=32, n_positions=64)


def bart() -> BartForConditionalGeneration:
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=8192, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64,
        )
    )  # fmt: skip


def t5() -> T5ForConditionalGeneration:
    return T5ForConditionalGeneration(
        T5Config(vocab_size=8192, d_model=32, d_kv=16, d_ff=32, num_layers=1, num_heads=2)
    )


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """A folder with a random model and the shipped tokenizer."""

    def save(build: Callable[[], Any]) -> Path:
        folder = tmp_path / "checkpoint"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            build().save_pretrained(folder)
        AutoTokenizer.from_pretrained(settings.DEFAULT_MODEL).save_pretrained(folder)
        return folder

    return save


def refusal(folder: Path | str) -> str:
    with pytest.raises(ModelUnavailableError) as caught:
        load(str(folder))
    message = str(caught.value)
    assert message.startswith(f"The model “{folder}” could not be loaded: ") and "\n" not in message
    assert "network" not in message  # a folder has nothing to do with it
    return message


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: BertModel(BertConfig(**WIDTH)), ["BertModel", "cls.predictions.bias", "random"]),
        (lambda: BertModel(BertConfig(**WIDTH, is_decoder=True)), ["BertModel", "cls.predictions.bias", "random"]),
        (lambda: BertForSequenceClassification(BertConfig(**WIDTH)), ["BertForSequenceClassification", "random"]),
        (lambda: LlamaModel(LlamaConfig(**WIDTH)), ["LlamaModel", "1 of", "lm_head.weight", "random"]),
        (
            lambda: LlamaForSequenceClassification(LlamaConfig(**WIDTH, pad_token_id=0)),
            ["LlamaForSequenceClassification", "lm_head.weight"],
        ),
        (bart, ["BartForConditionalGeneration", "encoder-decoder"]),
        (t5, ["T5ForConditionalGeneration", "encoder-decoder"]),
        (lambda: BertForMaskedLM(BertConfig(**WIDTH)), ["BertForMaskedLM", "an encoder (", "is_decoder"]),
        (lambda: RobertaForMaskedLM(RobertaConfig(**WIDTH)), ["RobertaForMaskedLM", "an encoder ("]),
        (lambda: ElectraForCausalLM(ElectraConfig(**WIDTH)), ["ElectraForCausalLM", "an encoder ("]),
    ],
)
def test_what_is_no_whole_causal_model_is_refused(
    saved: Callable[..., Path], build: Callable[[], Any], named: list[str]
) -> None:
    message = refusal(saved(build))
    assert all(name in message for name in named), message


@pytest.mark.parametrize(
    "build",
    [
        lambda: BertLMHeadModel(BertConfig(**WIDTH, is_decoder=True)),
        lambda: GPT2LMHeadModel(GPT2),
        lambda: GPT2Model(GPT2),  # its head is its embedding, which is there
        lambda: LlamaForCausalLM(LlamaConfig(**WIDTH)),
        lambda: LlamaForCausalLM(LlamaConfig(**WIDTH, tie_word_embeddings=True)),
    ],
)
def test_what_has_all_its_weights_is_loaded_and_is_the_same_each_time(
    saved: Callable[..., Path], build: Callable[[], Any]
) -> None:
    folder = str(saved(build))
    first, second = (load(folder).model.prefill((5, 6, 7)).logits for _ in range(2))
    assert torch.equal(first, second)


def pointer(name: str) -> str:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 27912345\n" * bool(name)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("no folder", t("unfit.no_folder")),
        ("a file", t("unfit.file")),
        ("empty", t("unfit.no_config")),
        ("weights by git-lfs", t("unfit.pointer", file="model.safetensors")),
        ("tokenizer by git-lfs", t("unfit.pointer", file="tokenizer.json")),
        ("adapter", "the adapter’s files are damaged or don’t go together (SafetensorError"),
        ("adapter with its config", "the adapter’s files are damaged or don’t go together (SafetensorError"),
        ("gguf", t("unfit.gguf")),
        ("no weights", t("unfit.no_weights")),
        ("gguf with its config", t("unfit.gguf")),
        ("half a file of weights", "damaged, or was not fetched whole"),
        ("no file of tensors", t("unfit.pickle")),
        ("packed by nobody", t("unfit.packed", method="nobody")),
        ("tokenizer of another kind", "its tokenizer can’t be read (KeyError"),
        ("no tokenizer", t("unfit.no_tokenizer")),
        ("a tokenizer's settings alone", t("unfit.no_tokenizer")),
        (
            "vocab_size",
            t("unfit.mismatched", weight="transformer.wte.weight", held="8192 × 32", wanted="9000 × 32"),
        ),
        ("width", t("unfit.mismatched", weight="transformer.h.0.attn.c_attn.bias", held="96", wanted="192")),
    ],
)  # fmt: skip
def test_a_folder_is_named_for_what_it_is(saved: Callable[..., Path], damage: str, expected: str) -> None:
    folder = saved(lambda: GPT2LMHeadModel(GPT2))
    config, weights = folder / "config.json", folder / "model.safetensors"
    if damage in ("empty", "adapter", "gguf", "no folder", "a file"):
        shutil.rmtree(folder)
    if damage == "a file":
        folder.write_text("{}")
    elif damage != "no folder":
        folder.mkdir(exist_ok=True)
    if damage.startswith("adapter"):
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
        (folder / "adapter_model.safetensors").write_bytes(b"")
        weights.unlink(missing_ok=True)
    match damage:
        case "weights by git-lfs":
            weights.write_text(pointer("weights"))
        case "tokenizer by git-lfs":
            (folder / "tokenizer.json").write_text(pointer("tokenizer"))
        case "gguf":
            (folder / "model-q4.gguf").write_bytes(b"GGUF")
        case "gguf with its config":
            weights.rename(folder / "model-q4.gguf")
        case "half a file of weights":
            weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
        case "no file of tensors":
            weights.unlink()
            torch.save({"transformer.wte.weight": Path("a program")}, folder / "pytorch_model.bin")
        case "packed by nobody":
            packed = {"quantization_config": {"quant_method": "nobody"}}
            config.write_text(json.dumps(json.loads(config.read_text()) | packed))
        case "tokenizer of another kind":
            (folder / "tokenizer.json").write_text("{}")
        case "no weights":
            weights.unlink()
        case "no tokenizer":
            for file in folder.glob("tokenizer*"):
                file.unlink()
        case "a tokenizer's settings alone":
            (folder / "tokenizer.json").unlink()
        case "vocab_size":
            config.write_text(json.dumps(json.loads(config.read_text()) | {"vocab_size": 9000}))
        case "width":
            config.write_text(json.dumps(json.loads(config.read_text()) | {"n_embd": 64}))
    assert expected in refusal(folder)


LLAMA = {**WIDTH, "attention_bias": True}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"attention_bias": False}, ["8 weights of parts", "self_attn.k_proj.bias"]),
        ({"num_hidden_layers": 1}, ["weights of parts", "model.layers.1.input_layernorm.weight"]),
        ("lm_head.bias", ["1 weight of parts", "lm_head.bias"]),
        ("model.layers.0.mlp.up_proj.weight_scale", ["model.layers.0.mlp.up_proj.weight_scale"]),
    ],
)
def test_weights_of_parts_that_the_configuration_leaves_out_are_not_left_out(
    saved: Callable[..., Path], change: dict[str, Any] | str, named: list[str]
) -> None:
    """What it builds would compute something else, and be equal to `generate` all the same."""
    folder = saved(lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)))
    if isinstance(change, dict):
        config = folder / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | change))
    else:
        add_weight(folder, change)
    message = refusal(folder)
    assert all(name in message for name in named), message


@pytest.mark.parametrize("key", ["v_head.summary.weight", "model.layers.0.self_attn.rotary.inv_freq", "score.weight"])
def test_weights_for_something_else_are_named_and_the_model_is_loaded(saved: Callable[..., Path], key: str) -> None:
    folder = saved(lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)))
    add_weight(folder, key)
    info = load(str(folder)).info
    assert info.unused == (key,)
    assert key in model_line(info, t)


def add_weight(folder: Path, key: str) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, key: torch.ones(3)}, folder / "model.safetensors", metadata={"format": "pt"})


def test_an_architecture_that_reads_its_steps_otherwise_is_refused(saved: Callable[..., Path]) -> None:
    """CPM-Ant wants the whole text at every step, the cache aside."""
    sizes = {"hidden_size": 32, "num_attention_heads": 2, "dim_head": 16, "dim_ff": 32, "num_hidden_layers": 2}
    config = CpmAntConfig(vocab_size=8192, eos_token_id=0, **sizes)
    assert t("unfit.steps") in refusal(saved(lambda: CpmAntForCausalLM(config)))


def test_an_architecture_that_fails_on_its_first_token_says_so(saved: Callable[..., Path]) -> None:
    """XLM counts the tokens that are no padding, and this one has none."""
    config = XLMConfig(
        vocab_size=8192, emb_dim=32, n_layers=1, n_heads=2, causal=True, pad_index=None, pad_token_id=None
    )
    with pytest.raises(ModelUnavailableError, match="it fails on the first token that it reads"):
        load(str(saved(lambda: XLMWithLMHeadModel(config))))


@pytest.mark.parametrize("family", [CamembertConfig, Data2VecTextConfig, RobertaConfig])
@pytest.mark.parametrize("pad", [-9000, 8192])
def test_a_padding_token_that_is_not_there_hinders_nobody(saved: Callable[..., Path], family: Any, pad: int) -> None:
    """Also where positions are counted from it, unless they are named."""
    config = family(**WIDTH, is_decoder=True, type_vocab_size=1)
    folder = saved(lambda: AutoModelForCausalLM.from_config(config))
    whole = load(str(folder)).model.prefill((5, 6, 7)).logits
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pad_token_id": pad}))
    backend = load(str(folder))
    assert backend.info.ignored == (f"pad_token_id {pad}",)
    torch.testing.assert_close(backend.model.prefill((5, 6, 7)).logits, whole, rtol=0, atol=0)


def test_a_name_of_the_hub_has_to_do_with_the_network(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="Check the name and the network"):
        load("nobody/no-such-model")
    with pytest.raises(ModelUnavailableError) as caught:
        load("./nobody/no-such-model")
    assert t("unfit.no_folder") in str(caught.value)


def test_a_tokenizer_of_a_folder_has_nothing_to_do_with_the_network(tmp_path: Path) -> None:
    from playground.engines.huggingface import hub_tokenizers
    from playground.engines.loading import ModelSlot

    shelf = TokenizerShelf(ModelSlot("never started"), hub_tokenizers.read)
    with pytest.raises(TokenizerUnavailableError) as caught:
        shelf.get(str(tmp_path))
    assert "network" not in str(caught.value)
    with pytest.raises(TokenizerUnavailableError, match="Check the name and the network"):
        shelf.get("nobody/no-such-tokenizer")
