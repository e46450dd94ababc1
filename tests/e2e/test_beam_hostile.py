"""A model whose every token is an attack, searched with beams: the tree, its tooltip and its tables show texts only."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from playwright.sync_api import expect
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from playground.engines.huggingface.backend import from_parts
from playground.engines.loading import ModelSlot
from playground.i18n import translator

TOKENS = (
    "start", "${window.pwned=1}", "<img src=x onerror=window.pwned=1>", "{{pwned}}", "<script>window.pwned=1</script>",
    "`+(window.pwned=1)+`", "\u202egnorw", "😀", "<a href=javascript:window.pwned=1>link</a>", "var(--plot-x)",
    "{token}{cum}", "%{x}", "שלום", "$&",
)  # fmt: skip
t = translator()


def test_hostile_tokens_are_texts(
    serve: Callable[[ModelSlot], AbstractContextManager[str]], open_desktop: Callable[[str], Any]
) -> None:
    tokenizer = Tokenizer(WordLevel({token: i for i, token in enumerate(TOKENS)}, unk_token="start"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    config = GPT2Config(
        vocab_size=len(TOKENS), n_positions=64, n_embd=16, n_layer=1, n_head=2, initializer_range=0.3,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = GPT2LMHeadModel(config)
    backend = from_parts(module, PreTrainedTokenizerFast(tokenizer_object=tokenizer), "hostile")
    with serve(ModelSlot.filled(backend, "hostile")) as url:
        page = open_desktop(url).page
        page.get_by_role("tab", name=t("beam.tab")).click()
        tree = page.locator(".beam-tree")
        page.locator("#beam-prompt textarea").fill(" ".join(TOKENS[1:5]))
        page.locator("#beam-stop-text").locator("input, textarea").first.fill("")
        page.locator("#beam-speed input").click()
        page.get_by_role("option", name=t("beam.speed.fast")).click()
        page.locator("#beam-run").click()
        expect(tree).to_have_attribute("data-steps", "20")
        expect(page.locator("#beam-badge .live-text")).to_have_attribute("data-kind", "good")
        labels = {backend.vocabulary.label(i) for i in range(len(TOKENS))}
        nodes = tree.evaluate("e => e.tree.nodes()")
        assert {node["label"] for node in nodes} <= labels
        assert len({node["label"] for node in nodes}) > 8
        page.evaluate("scrollTo(0, 0)")
        canvas = tree.locator("canvas").bounding_box()
        assert canvas is not None
        seen = set()
        for node in nodes:
            place = tree.evaluate("(e, [s, i]) => e.tree.place(s, i)", [node["step"], node["index"]])
            if place is None or node["label"] in seen or not node["drawn"]:
                continue
            left, top = place[0] - canvas["x"], place[1] - canvas["y"]
            if not (0 < left < canvas["width"] and 0 < top < canvas["height"]):
                continue  # not on screen
            seen.add(node["label"])
            page.mouse.move(*place)
            expect(page.locator(".beam-tip b")).to_have_text(node["label"])
        assert len(seen) > 4
        assert page.evaluate("window.pwned") is None
        foreign = page.evaluate(
            """() => [...document.querySelectorAll(
                "#beam-results :is(img, script, [onerror], a[href^=javascript])")].map(e => e.outerHTML)"""
        )
        assert foreign == []
        page.close()
