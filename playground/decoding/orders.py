"""Orders: in which the processors are applied, as data. The same logits under two orders can end differently."""

# transformers' own (`_get_logits_processor`), with what it lacks placed beside its relatives.
TRANSFORMERS_ORDER: tuple[str, ...] = (
    "guidance_scale", "sequence_bias", "repetition_penalty", "presence_penalty", "frequency_penalty", "dry_multiplier",
    "no_repeat_ngram_size", "bad_words_ids", "min_new_tokens", "exponential_decay_length_penalty", "suppress_tokens",
    "temperature", "dynatemp_range", "smoothing_factor", "top_h", "top_k", "top_p", "min_p", "typical_p",
    "epsilon_cutoff", "eta_cutoff", "top_n_sigma", "p_less", "top_a", "tfs_z", "xtc_probability", "mirostat",
    "adaptive_target", "watermark_bias", "renormalize_logits",
)  # fmt: skip

# llama.cpp's default chain (penalties, DRY, top-nσ, top-k, typical, top-p, min-p, XTC, temperature), logit biases first
# as there, and the rest placed where it would have to be: cuts before the temperature, mirostat last.
LLAMA_CPP_ORDER: tuple[str, ...] = (
    "guidance_scale", "sequence_bias", "bad_words_ids", "suppress_tokens", "min_new_tokens",
    "exponential_decay_length_penalty", "repetition_penalty", "frequency_penalty", "presence_penalty",
    "dry_multiplier", "no_repeat_ngram_size", "top_n_sigma", "top_k", "top_h", "typical_p", "epsilon_cutoff",
    "eta_cutoff", "tfs_z", "top_a", "p_less", "top_p", "min_p", "xtc_probability", "smoothing_factor", "temperature",
    "dynatemp_range", "mirostat", "adaptive_target", "watermark_bias", "renormalize_logits",
)  # fmt: skip

# What transformers calls warpers, and their like: greedy search leaves them out.
SAMPLING_ONLY: frozenset[str] = frozenset(
    TRANSFORMERS_ORDER[TRANSFORMERS_ORDER.index("temperature") : TRANSFORMERS_ORDER.index("watermark_bias")]
)
