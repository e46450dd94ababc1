"""The Attention tab: from asking for a text's attention to the grid of all heads on screen, and what looking costs."""

import time

import benchmark_models as models
import torch
from benchmark_page import Visit, served, visited
from benchmark_report import Report, percentile, spread

from playground import settings
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.inspection import Inspection

LIMIT = 2.0  # s, for the full grid of a text of 300 tokens
TOKENS = (37, 300, 512)
SENTENCE = "The old king said to his son: take the golden key and go into the wood. "

# Presses Look; gives the ms until the grid shows the maps of the new text, and until the large map does.
LOOK = """
async () => {
  const grid = document.querySelector("#head-grid .head-grid"), large = document.querySelector("#large-map canvas");
  const before = grid.dataset.drawn, bigBefore = large.dataset.drawn, start = performance.now();
  const until = async (holds) => {
    while (!holds() && performance.now() - start < 30000) {
      grid.scrollIntoView(); // a longer text above pushes it down: what is not on screen is not drawn
      await new Promise((done) => setTimeout(done, 5));
    }
    return performance.now() - start;
  };
  document.querySelector("#attention-look").click();
  const drawn = await until(() => grid.dataset.drawn !== before);
  const big = await until(() => large.dataset.drawn !== bigBefore);
  return [drawn, big];
}
"""


def measure(report: Report) -> None:
    report.section("Inside: Look pressed, until the maps of all heads are on screen")
    backend = huggingface.load(str(settings.DEFAULT_MODEL), "default")
    _page(report, backend)
    _generation(report, backend)
    if not report.is_smoke:
        _model(report, "default model", backend, 300)
        _model(report, "GPT-2 small", models.build(50257, **models.GPT2_SMALL), 300)


def _page(report: Report, backend: Backend) -> None:
    with served(backend) as address, visited(address) as visit:
        visit.page.get_by_role("tab", name="Attention").click()
        visit.page.locator("#head-grid").scroll_into_view_if_needed()
        visit.page.wait_for_function("() => document.querySelector('#head-grid .head-grid')?.dataset.drawn")
        for tokens in TOKENS:
            found = [_look(visit, _text(backend, tokens, i)) for i in range(2 if report.is_smoke else 8)]
            grid = [1000 * seconds for seconds in found]
            worst, what = percentile(grid, 0.95), f"{tokens} tokens: 6 × 4 maps and the large one, p95"
            if tokens == 300:
                report.at_most(what, worst / 1000, LIMIT, "s", spread(grid))
            else:
                report.figure(what, f"{worst:.0f} ms", spread(grid))
        bad = visit.errors + visit.outside
        report.invariant("errors and requests that leave the machine", not bad, str(len(bad)))


def _text(backend: Backend, tokens: int, start: int) -> str:
    """A text of exactly that many tokens, another one for each `start`: kept weights must not help."""
    ids = backend.tokenizer.encode(SENTENCE * 60)[start : start + tokens]
    text = backend.vocabulary.text(ids)
    while len(backend.tokenizer.encode(text)) > tokens:  # cut differently when read again
        text = text[:-1]
    return text


def _look(visit: Visit, text: str) -> float:
    visit.page.locator("#attention-prompt textarea").fill(text)
    visit.page.locator("#head-grid").scroll_into_view_if_needed()
    drawn, big = visit.page.evaluate(LOOK)
    return float(max(drawn, big)) / 1000


def _generation(report: Report, backend: Backend) -> None:
    """A plain forward pass before and after somebody has looked inside: the same module, the same time."""
    ids = torch.tensor([backend.tokenizer.encode(SENTENCE * 8)])
    plain = [_plain(backend, ids) for _ in range(12)]
    Inspection(backend).attentions(ids[0].tolist())
    after = [_plain(backend, ids) for _ in range(12)]
    ratio = sorted(after)[6] / sorted(plain)[6]
    report.figure("a plain forward pass after looking, of before", f"{ratio:.2f}", spread(after, 1000))
    kind = backend.model.module.config._attn_implementation
    report.invariant("the generating model's attention is what it was", kind == "sdpa", kind)


@torch.inference_mode()
def _plain(backend: Backend, ids: torch.Tensor) -> float:
    start = time.perf_counter()
    backend.model.module(input_ids=ids, use_cache=False)
    return time.perf_counter() - start


def _model(report: Report, name: str, backend: Backend, tokens: int) -> None:
    inspection = Inspection(backend)
    times = []
    for i in range(4):
        start = time.perf_counter()
        inspection.attentions([i + 5, *range(100, 99 + tokens)])
        times.append(1000 * (time.perf_counter() - start))
    report.figure(
        f"{name}: attention of {tokens} tokens, without a page", f"{percentile(times, 0.5):.0f} ms", spread(times)
    )
