"""Frames: what each panel of the Generate tab shows of a trace, by channel of the LiveBus."""

from dataclasses import dataclass, replace

from playground.decoding import pipeline
from playground.decoding.partial import Told
from playground.decoding.pipeline import Stage
from playground.decoding.processors import Processor
from playground.decoding.processors_guidance import Guidance
from playground.decoding.trace import Step, Trace
from playground.errors import NothingLeftToChooseError
from playground.i18n import Translator
from playground.panels import wording
from playground.panels.figures.cutoffs import cutoffs_figure
from playground.panels.figures.next_token import next_token_bars
from playground.panels.figures.temperature import temperature_figure
from playground.panels.figures.theme import instead, nothing
from playground.panels.figures.trajectory import trajectory_figure
from playground.panels.generate.slider_row import slider_row_payload
from playground.views.cutoffs import cutoffs
from playground.views.dialogue import dialogue_parts
from playground.views.headline import headline
from playground.views.next_token import NextToken, next_token
from playground.views.notation import Unit, percent
from playground.views.slider_row import Sliders, slider_row
from playground.views.stages import stage_rows
from playground.views.strip import StripToken, spelt_together, strip_tokens
from playground.views.temperature import temperature_curves
from playground.views.told_cutoffs import told_cutoffs
from playground.views.told_stages import told_rows
from playground.views.trajectory import trajectory
from playground.views.watermark import step_is_green, watermark
from playground.vocabulary import Vocabulary

CANDIDATES = 13


@dataclass(frozen=True)
class Look:
    """How a trace is shown: under which processors, in which unit and language, with whose labels; `sliders`, where a
    person may drag them, and the page redraws by itself meanwhile."""

    processors: tuple[Processor, ...]
    unit: Unit
    t: Translator
    vocabulary: Vocabulary
    sliders: Sliders | None = None


def strip(trace: Trace, start: int, look: Look) -> dict[str, object]:
    """The token strip from token `start` on; from 0 with the prompt before it."""
    tokens = strip_tokens(trace.steps[start:], look.vocabulary)
    payload: dict[str, object] = {
        "start": start,
        "tokens": [
            _token(token, step, step_is_green(trace, step), look)
            for token, step in zip(tokens, trace.steps[start:], strict=True)
        ],
    }
    if start == 0:
        rendered = trace.request.rendered
        parts = dialogue_parts(trace.request.prompt_ids, rendered, look.vocabulary) if rendered else None
        payload["lead"] = parts or spelt_together(trace.request.prompt_ids, look.vocabulary)
    return payload


def _token(token: StripToken, step: Step, is_green: bool | None, look: Look) -> dict[str, object]:
    title, shades = _title(token, step, look), [round(s, 3) for s in token.shades]
    if is_green is not None:
        shades.append(int(is_green))
        title = look.t("strip.token_green", title=title) if is_green else title
    return {"text": token.text, "title": title, "shades": shades}


def _title(token: StripToken, step: Step, look: Look) -> str:
    title = look.t(
        "strip.token",
        number=step.index + 1,
        token=token.label,
        probability=percent(token.probability),
        rank=token.rank,
        surprisal=look.unit.amount(token.surprisal),
        entropy=wording.entropy_amount(token.entropy, token.is_partial, look.unit),
        unit=look.unit.name,
    )
    return look.t("strip.token_by_hand", title=title) if token.by_hand else title


def looked_at(inspected: int, is_pinned: bool) -> dict[str, object]:
    """Which token is on show, and whether the person chose it."""
    return {"strip.look": {"index": inspected, "pinned": is_pinned}}


def step_panels(trace: Trace, index: int, is_pinned: bool, look: Look) -> dict[str, object]:
    """Everything that speaks of step `index` alone. Raises NothingLeftToChooseError if the look removes every token."""
    return {**choice_panels(trace, index, is_pinned, look), **softened(trace, index, look)}


def softened(trace: Trace, index: int, look: Look) -> dict[str, object]:
    """The curves of the temperatures at step `index`."""
    told = trace.steps[index].row.told
    if told is not None:
        return {"temperature": instead(untold(told, look.t))}
    current = next((p.value for p in look.processors if p.name == "temperature"), 1.0)
    curves = temperature_curves(trace.steps[index].logits, current, look.vocabulary)
    return {"temperature": temperature_figure(curves, look.t, look.unit)}


def choice_panels(trace: Trace, index: int, is_pinned: bool, look: Look) -> dict[str, object]:
    """What is left to choose from at step `index`, and why. Raises NothingLeftToChooseError."""
    step = trace.steps[index]
    needs_run = step.situation.guidance is None and any(isinstance(p, Guidance) for p in look.processors)
    if needs_run:  # its second reading was not made at this step: without it, and the sentence says so
        look = replace(look, processors=tuple(p for p in look.processors if not isinstance(p, Guidance)))
    stages = trace.stages_at(index, look.processors)
    if stages and not stages[-1].outgoing.kept:
        raise NothingLeftToChooseError.by(pipeline.removers(stages))
    told = step.row.told
    view = next_token(step.logits, stages, look.vocabulary, CANDIDATES, step.choice.token_id, told)
    cuts = tuple(stage.processor.name for stage in stages if stage.removes)
    sentence = headline(trace, index, look.processors, view, cuts, look.vocabulary)
    return {
        "headline": wording.headline(sentence, is_pinned, look.t, look.unit, needs_run),
        "next_token": next_token_bars(view, look.t),
        **cut_panels(stages, trace, index, look),
        "next_token.row": _row_behind_sliders(step, stages, view, look.sliders),
    }


def cut_panels(stages: tuple[Stage, ...], trace: Trace, index: int, look: Look) -> dict[str, object]:
    """Where the cut-offs lie, and what each stage leaves; of a partial row as far as that is known."""
    step = trace.steps[index]
    if step.row.told is None:
        view, rows = cutoffs(step.logits, stages), stage_rows(step.logits, stages)
    else:
        steep = trace.steep_stages_at(index, look.processors)
        view, rows = told_cutoffs(stages, steep, step.row.told), told_rows(stages, steep, step.row.told)
    return {
        "cutoffs": cutoffs_figure(view, look.t),
        "stages": wording.stage_table(rows, look.t, look.unit),
    }


def untold(told: Told, t: Translator) -> str:
    """In place of a picture that needs a whole row."""
    return t("chart.untold", told=len(told.ids))


def _row_behind_sliders(
    step: Step, stages: tuple[Stage, ...], view: NextToken, sliders: Sliders | None
) -> dict[str, object] | None:
    """None of a partial row: what is left of it after a cut is the server's to say."""
    row = slider_row(step.logits, stages, sliders) if sliders and step.row.told is None else None
    if row is None or sliders is None:
        return None
    before = [stage for stage in stages if stage.processor.name not in row.order]
    logits = before[-1].logits[0] if before else step.logits
    return slider_row_payload(row, view, [float(logits[c.token_id]) for c in view.candidates], sliders)


def along_the_text(trace: Trace, inspected: int, look: Look) -> dict[str, object]:
    figure = trajectory_figure(trajectory(trace, look.vocabulary), inspected, look.t, look.unit)
    return {"trajectory": figure, "watermark": wording.watermark(watermark(trace), look.t)}


def whole(trace: Trace, inspected: int, is_pinned: bool, look: Look) -> dict[str, object]:
    """All panels of a trace; before its first token only the prompt and a word on what to do."""
    if not trace.steps:
        return {
            "strip": strip(trace, 0, look),
            **looked_at(-1, False),
            "headline": {"parts": [look.t("headline.empty")]},
            "watermark": wording.watermark(None, look.t),
        }
    return {
        "strip": strip(trace, 0, look),
        **looked_at(inspected, is_pinned),
        **step_panels(trace, inspected, is_pinned, look),
        **along_the_text(trace, inspected, look),
    }


def blank(look: Look) -> dict[str, object]:
    """The panels that need a token, without one: what stood there was of another text, or of another model."""
    charts = {name: nothing(look.t("chart.empty")) for name in ("cutoffs", "temperature", "trajectory")}
    bars = {"rows": [], "width": 1, "label": look.t("chart.empty")}
    nothing_else = {"stages": wording.notice(""), "code": wording.notice(""), "next_token.row": None}
    return {"next_token": bars, **charts, **nothing_else}
