"""Tiny random models of every family that the page was tried with: three layers, width 32, from configs."""

from functools import cache
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer

from playground import settings
from playground.engines.huggingface.backend import Backend, from_parts

VOCABULARY = 8192  # of the shipped tokenizer; its end of text is 0
SHARED: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 128, "initializer_range": 0.3, "bos_token_id": 0,
    "eos_token_id": 0, "pad_token_id": None,
}  # fmt: skip
GROUPED = {**SHARED, "num_key_value_heads": 2}
GPT = {
    "vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 128, "initializer_range": 0.3,
    "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2}
LINEAR_FULL = ["linear_attention", "full_attention", "linear_attention"]
BERT = {**SHARED, "is_decoder": True, "type_vocab_size": 1, "pad_token_id": 1}
LONGROPE = {
    "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [4.0, 6.0, 8.0, 10.0],
    "original_max_position_embeddings": 24,
}  # fmt: skip

# by family: the configuration class, and what it is given
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "GPT-2": ("GPT2Config", GPT),
    "Qwen2": ("Qwen2Config", GROUPED),
    "Qwen3": ("Qwen3Config", {**GROUPED, "head_dim": 8}),
    "Qwen3 MoE": ("Qwen3MoeConfig", {**GROUPED, **EXPERTS, "head_dim": 8, "moe_intermediate_size": 24}),
    "Llama 3": ("LlamaConfig", GROUPED),
    "Llama, dynamic NTK": (
        "LlamaConfig",
        {
            **GROUPED,
            "max_position_embeddings": 24,
            "rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
        },
    ),
    "Gemma": ("GemmaConfig", {**GROUPED, "head_dim": 8}),
    "Gemma 2": ("Gemma2Config", {**GROUPED, "head_dim": 8, "sliding_window": 8}),
    "Gemma 3": ("Gemma3TextConfig", {**GROUPED, "head_dim": 8, "sliding_window": 8, "sliding_window_pattern": 2}),
    "Mistral": ("MistralConfig", {**GROUPED, "sliding_window": 8}),
    "Mixtral": ("MixtralConfig", {**GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "Phi": ("PhiConfig", SHARED),
    "Phi-3": ("Phi3Config", GROUPED),
    "Phi-3, longrope": ("Phi3Config", {**GROUPED, "original_max_position_embeddings": 24, "rope_parameters": LONGROPE}),
    "GPT-NeoX": ("GPTNeoXConfig", SHARED),
    "OPT": ("OPTConfig", {**SHARED, "ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.3}),
    "BLOOM": ("BloomConfig", {**GPT, "hidden_size": 32, "n_positions": None}),
    "GPT-J": ("GPTJConfig", {**GPT, "rotary_dim": 4}),
    "GPT-Neo": (
        "GPTNeoConfig",
        {
            **SHARED,
            "num_layers": 3,
            "num_heads": 4,
            "attention_types": [[["global", "local", "global"], 1]],
            "window_size": 8,
        },
    ),
    "StarCoder": ("GPTBigCodeConfig", {**GPT, "multi_query": True}),
    "StarCoder2": ("Starcoder2Config", {**GROUPED, "sliding_window": 8}),
    "OLMo": ("OlmoConfig", GROUPED),
    "OLMo 2": ("Olmo2Config", GROUPED),
    "Cohere": ("CohereConfig", {**GROUPED, "logit_scale": 1.0}),
    "StableLM": ("StableLmConfig", GROUPED),
    "Falcon": ("FalconConfig", {**SHARED, "alibi": False, "multi_query": True, "parallel_attn": True}),
    "Falcon, new decoder": (
        "FalconConfig",
        {**SHARED, "new_decoder_architecture": True, "num_kv_heads": 2, "alibi": False},
    ),
    "Falcon, ALiBi": ("FalconConfig", {**SHARED, "alibi": True, "multi_query": False, "parallel_attn": False}),
    "MPT": (
        "MptConfig",
        {
            "vocab_size": VOCABULARY,
            "d_model": 32,
            "n_layers": 3,
            "n_heads": 4,
            "max_seq_len": 128,
            "initializer_range": 0.3,
            "eos_token_id": 0,
            "bos_token_id": 0,
        },
    ),
    "Jamba": (
        "JambaConfig",
        {
            **GROUPED,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "num_experts": 2,
            "num_experts_per_tok": 1,
            "mamba_d_state": 4,
            "mamba_dt_rank": 4,
            "use_mamba_kernels": False,
        },
    ),
    "Qwen3-Next": (
        "Qwen3NextConfig",
        {
            **GROUPED,
            **EXPERTS,
            "head_dim": 8,
            "layer_types": LINEAR_FULL,
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "moe_intermediate_size": 24,
            "shared_expert_intermediate_size": 24,
        },
    ),
    "LFM2": ("Lfm2Config", {**GROUPED, "block_multiple_of": 8, "layer_types": ["conv", "full_attention", "conv"]}),
    "gpt-oss": (
        "GptOssConfig",
        {
            **GROUPED,
            **EXPERTS,
            "head_dim": 8,
            "sliding_window": 8,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        },
    ),
    "DeepSeek-V2": (
        "DeepseekV2Config",
        {
            **SHARED,
            "num_key_value_heads": 4,
            "kv_lora_rank": 16,
            "q_lora_rank": 16,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 8,
            "v_head_dim": 6,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_group": 1,
            "topk_group": 1,
            "first_k_dense_replace": 1,
            "moe_intermediate_size": 24,
        },
    ),
    "MiniMax": ("MiniMaxConfig", {**GROUPED, **EXPERTS, "head_dim": 8, "layer_types": LINEAR_FULL, "block_size": 8}),
    "Mamba": ("MambaConfig", {**SHARED, "state_size": 4}),
    "RoBERTa decoder": ("RobertaConfig", BERT),
    "BERT decoder": ("BertConfig", BERT),
    "GPT": ("OpenAIGPTConfig", GPT),
    "CTRL": ("CTRLConfig", {**GPT, "dff": 48}),
    "CodeGen": ("CodeGenConfig", {**GPT, "rotary_dim": 4}),
    "XGLM": (
        "XGLMConfig",
        {**SHARED, "d_model": 32, "num_layers": 3, "attention_heads": 4, "ffn_dim": 48, "init_std": 0.3},
    ),
    "BioGPT": ("BioGptConfig", SHARED),
    "Cohere 2": ("Cohere2Config", {**GROUPED, "sliding_window": 8, "logit_scale": 1.0}),
    "Zamba 2": (
        "Zamba2Config",
        {
            **GROUPED,
            "mamba_d_state": 4,
            "mamba_ngroups": 1,
            "n_mamba_heads": 4,
            "mamba_headdim": 16,
            "layers_block_type": ["mamba", "hybrid", "mamba"],
            "num_mem_blocks": 1,
            "use_mem_rope": True,
            "chunk_size": 8,
        },
    ),
    "Bamba": (
        "BambaConfig",
        {
            **GROUPED,
            "attn_layer_indices": [1],
            "mamba_n_heads": 4,
            "mamba_d_head": 16,
            "mamba_n_groups": 1,
            "mamba_d_state": 4,
            "mamba_chunk_size": 8,
        },
    ),
    "Falcon-H1": (
        "FalconH1Config",
        {
            **GROUPED,
            "mamba_n_heads": 4,
            "mamba_d_head": 8,
            "mamba_d_ssm": 32,
            "mamba_n_groups": 1,
            "mamba_d_state": 4,
            "mamba_chunk_size": 8,
        },
    ),
    "Granite": ("GraniteConfig", GROUPED),
    "SmolLM3": ("SmolLM3Config", GROUPED),
    "RecurrentGemma": (
        "RecurrentGemmaConfig",
        {
            **GROUPED,
            "head_dim": 8,
            "attention_window_size": 8,
            "lru_width": 32,
            "block_types": ["recurrent", "attention", "recurrent"],
        },
    ),
    "Phi-MoE": ("PhimoeConfig", {**GROUPED, "num_local_experts": 4}),
    "PhiMoE, longrope": (
        "PhimoeConfig",
        {
            **GROUPED,
            "num_local_experts": 4,
            "original_max_position_embeddings": 24,
            "rope_parameters": {**LONGROPE, "short_mscale": 1.1, "long_mscale": 1.3},
        },
    ),
}


def build(family: str, seed: int = 0, **changes: Any) -> Any:
    """A tiny random causal language model of that family, in float32, ready to read."""
    name, arguments = FAMILIES[family]
    config = getattr(transformers, name)(**{**arguments, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transformers.AutoModelForCausalLM.from_config(config).eval()


@cache
def tokenizer() -> Any:
    """The shipped one."""
    return AutoTokenizer.from_pretrained(settings.DEFAULT_MODEL)


def tokenizer_ids(text: str) -> tuple[int, ...]:
    return tuple(tokenizer()(text).input_ids)


def open_family(family: str, seed: int = 0, **changes: Any) -> Backend:
    """The same behind the seam, with the shipped tokenizer."""
    return from_parts(build(family, seed, **changes), tokenizer(), family)


# What the page says it can't show of a family, by view; everything else equals transformers.
REFUSED: dict[str, set[str]] = {
    "Falcon, ALiBi": {"Attention"},  # transformers' eager attention computes something else than its default one
    "Gemma 2": {"Logit lens"},  # its logits are squashed after the head
    "RoBERTa decoder": {"Logit lens"},  # more than a norm stands before the head
    "BERT decoder": {"Logit lens"},
}
NOT_LOADED = {
    "Mamba": "no key-value cache",
    "GPT": "no key-value cache",
    "RecurrentGemma": "keeps what it has read inside the model itself",
}
WRITTEN_OUT = (
    "GPT-2",
    "Qwen2",
    "Qwen3",
    "Llama 3",
    "Llama, dynamic NTK",
    "Mistral",
)  # the forward pass, by our own code
RESCORED = ("MiniMax",)  # beams: `generate` leaves a part of the cache in the old order
VIEWS = ("Generate", "Beams", "Attention", "KV cache", "Logit lens", "Forward pass")
FOLDERS = ("bf16", "sharded", ".bin only", "own generation_config", "several eos")


def table() -> str:
    """What test_families.py finds, as the Markdown table of docs/families.md."""
    rows = [f"| family | {' | '.join(VIEWS)} |", f"|{'---|' * (len(VIEWS) + 1)}"]
    for family in FAMILIES:
        if family in NOT_LOADED:
            cells = [f"not loaded, the page says why: {NOT_LOADED[family]}"] + [""] * (len(VIEWS) - 1)
        else:
            cells = [_cell(family, view) for view in VIEWS]
        rows.append(f"| {family} | {' | '.join(cells)} |")
    rows += [f"| Llama 3, folder: {folder} | equal | equal | equal | equal | equal | equal |" for folder in FOLDERS]
    return "\n".join(rows)


def _cell(family: str, view: str) -> str:
    if view in REFUSED.get(family, ()) or (view == "Forward pass" and family not in WRITTEN_OUT):
        return "says it can’t"
    return "rescored" if view == "Beams" and family in RESCORED else "equal"
