"""The slider: from moving top-p to the chart on screen, at small and large vocabulary, without a forward pass."""

import time
from dataclasses import dataclass
from typing import Any

import benchmark_models as models
from benchmark_page import Visit, served, visited
from benchmark_report import Report, percentile, spread
from benchmark_throughput import control_values, tab_around

from playground import settings
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import Backend
from playground.i18n import translator
from playground.tabs.delivery import lossless
from playground.views.notation import shorter

LIMIT = 150  # ms, until the numbers are there
DRAG_LIMIT = 100  # ms, until the shapes are there
TOKENS = 24
TOP_P = translator()("parameter.top_p.label")  # with its value, how a frame says what it was made of
PAUSE = 400  # ms between single moves: the other charts are done by then
DRAG = 33  # ms between the moves of a drag

# Moves the slider once a value; returns {value, at}. Single moves wait for their chart, moves of a drag do not.
MOVE = """
async ({values, pause, isDrag}) => {
  const range = document.querySelector("#knob-top_p input[type=range]");
  const chart = document.querySelector("#chart-next_token .live-bars");
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const moves = [];
  for (const value of values) {
    const shown = chart.dataset.frame, at = performance.now();
    range.value = value;
    range.dispatchEvent(new Event("input", { bubbles: true }));
    moves.push({ value, at });
    while (!isDrag && chart.dataset.frame === shown && performance.now() - at < 5000) await sleep(1);
    await sleep(pause);
  }
  return moves;
}
"""


@dataclass
class Move:
    """One move, in ms: until the first frame made of this value or a later one came, until it was on screen, and until
    the page had drawn that value or a later one, by itself or from the frame."""

    answered: float
    painted: float
    shaped: float


def measure(report: Report) -> None:
    report.section("Slider: top-p moved on the page, until the next-token chart is on screen")
    if not report.is_smoke:
        _measure(report, "V = 8,192", huggingface.load(str(settings.DEFAULT_MODEL), "default"), "Once upon a time")
    wide = models.build(50257, **models.TINY, spread=0.4)
    _measure(report, "V = 50,257", wide, models.prompt_of(8))


def _measure(report: Report, name: str, backend: Backend, prompt: str) -> None:
    count = 10 if report.is_smoke else 40
    values = [round(0.95 - 0.02 * i, 2) for i in range(count)]
    forwards: list[object] = []
    backend.model.module.register_forward_pre_hook(lambda *_: forwards.append(None))
    handler = _handler_times(backend, prompt, values)
    with served(backend) as address, visited(address) as visit:
        visit.page.locator("#prompt textarea").fill(prompt)
        visit.run(TOKENS)
        done = len(forwards)
        single = _moves(visit, values, PAUSE / 4 if report.is_smoke else PAUSE, False)
        drag = _moves(visit, values, DRAG, True)
        report.invariant(f"{name}: forward passes while it moves", len(forwards) == done, str(len(forwards) - done))
        bad = visit.errors + visit.outside
        report.invariant(f"{name}: errors and requests that leave the machine", not bad, str(len(bad)))
    painted = [move.painted for move in single]
    report.at_most(f"{name}: single move, p95", percentile(painted, 0.95), LIMIT, "ms", spread(painted))
    answered = [move.answered for move in single]
    rest = [move.painted - move.answered for move in single]
    transport = percentile(answered, 0.5) - percentile(handler, 0.5)
    report.figure(f"{name}:   handler", f"{percentile(handler, 0.5):.0f} ms", spread(handler))
    report.figure(f"{name}:   Gradio and transport", f"{transport:.0f} ms", f"move to frame {spread(answered)}")
    report.figure(f"{name}:   waiting for its turn and painting", f"{percentile(rest, 0.5):.0f} ms", spread(rest))
    dragged = [move.shaped for move in drag]
    text = f"{name}: a drag, a move every {DRAG} ms, p95"
    report.at_most(text, percentile(dragged, 0.95), DRAG_LIMIT, "ms", spread(dragged))
    report.figure(f"{name}:   the numbers after its last move", f"{drag[-1].painted:.0f} ms")


def _handler_times(backend: Backend, prompt: str, values: list[float]) -> list[float]:
    """What the page's own handler takes, in ms, without a server around it."""
    tab = tab_around(backend)
    session = tab.new_session()
    for _ in tab.run(session, *control_values(prompt, TOKENS, temperature=0.8, top_p=0.9)):
        pass
    redraw, times = lossless(tab.redraw), []
    for value in values:
        start = time.perf_counter()
        redraw(session, *control_values(prompt, TOKENS, temperature=0.8, top_p=value))
        times.append(1000 * (time.perf_counter() - start))
    return times


def _moves(visit: Visit, values: list[float], pause: float, is_drag: bool) -> list[Move]:
    visit.forget()
    moves = visit.page.evaluate(MOVE, {"values": values, "pause": pause, "isDrag": is_drag})
    visit.settle()
    found = visit.record()
    reached: dict[int, int] = {}  # frame number -> which move it was made of
    for frame in found["frames"]:
        for place, value in enumerate(values):
            if f"{TOP_P} {shorter(value)}" in (frame["stages"] or ()):
                reached[frame["number"]] = place
    shaped = [
        (paint["at"], values.index(paint["settings"]["top_p"]))
        for paint in found["paints"]
        if paint["name"] == "next_token" and paint["settings"] and paint["settings"]["top_p"] in values
    ]
    return [_fate(place, move["at"], found, reached, shaped) for place, move in enumerate(moves)]


def _fate(
    place: int, at: float, found: dict[str, Any], reached: dict[int, int], shaped: list[tuple[float, int]]
) -> Move:
    numbers = [number for number, made_of in reached.items() if made_of >= place]
    answered = min(frame["at"] for frame in found["frames"] if frame["number"] in numbers)
    paints = [p for p in found["paints"] if p["name"] == "next_token" and not p["settings"]]
    painted = min(p["at"] for p in paints if p["number"] in numbers)
    drawn = min((when for when, value in shaped if value >= place), default=painted)
    return Move(answered - at, painted - at, min(drawn, painted) - at)
