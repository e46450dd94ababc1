"""Clouds: many texts of each lane, or of each value of a sweep, drawn in batches; what a person reads and rates."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from playground import engine
from playground.catalog import BY_NAME
from playground.components.gaze import as_pair
from playground.components.live_bus import frame
from playground.decoding.clouds import CLOUD_BYTES, MAX_SAMPLES, Sample, rows_at_once, sample_bytes
from playground.decoding.dialogue import Dialogue
from playground.decoding.trace import TRACE_BYTES
from playground.engines.protocol import runs_in_transformers
from playground.errors import OutOfRangeError
from playground.i18n import say
from playground.panels import wording
from playground.panels.compare import clouds as panels
from playground.panels.compare.frames import Look
from playground.runs import late
from playground.runs.comparison import requests_of, seeds_of
from playground.runs.setup import Setup
from playground.runs.sweep import knobs, sweep
from playground.tabs.compare.cloud_panels import CloudPanels
from playground.tabs.compare.cloud_session import AXES, CloudSession, Drawn
from playground.tabs.compare.controls import Controls
from playground.tabs.compare.session import CompareSession
from playground.tabs.shell import reported
from playground.views.likelihood_trap import Votes, next_to_rate
from playground.views.notation import shorter
from playground.views.plane import CloudView, cloud_view

PROGRESS_SECONDS = 0.15
VIEW_SECONDS = 1.5  # between two drawings of a plane while texts are drawn
MOST_PLACES = 64  # tokens that the histogram goes along a text


class Batch(NamedTuple):
    """How far a batch has got: the samples of its cloud, the tokens drawn in all, and the view of a whole batch."""

    key: int
    samples: tuple[Sample, ...]
    tokens: int
    view: CloudView | None


class Clouds(CloudPanels):
    """The handlers of the clouds. All end with the controls of the tab: prompt, same dice, speed."""

    @reported()
    def draw(self, session: CompareSession, count: Any, *values: Any) -> Iterator[str]:
        """So many texts of every lane; those that are there already are kept."""
        lanes = [(one.key, one.name, one.setup) for one in session.lanes if isinstance(one.setup, Setup)]
        seeds = seeds_of([setup for *_, setup in lanes], bool(values[1]))
        wanted = [
            Drawn(key, name, setup.with_seed(seed), None)  # type: ignore[arg-type]  # its request comes with the prompt
            for (key, name, setup), seed in zip(lanes, seeds, strict=True)
        ]
        kept = [one for key, one in session.clouds.drawn.items() if key < 0]
        with self.using(one.setup for one in wanted):
            yield from self.fill(session, wanted, kept, count, values)

    @reported()
    def sweep(
        self, session: CompareSession, count: Any, knob: str, first: Any, last: Any, steps: Any, *values: Any
    ) -> Iterator[str]:
        """So many texts at each value of one knob of a lane."""
        base = session.lanes[self.chosen_lane(session)].setup
        assert isinstance(base, Setup)
        made = sweep(base, knob, first, last, steps)
        seeds = seeds_of([setup for _, setup in made], bool(values[1]))
        short = self.t(f"parameter.{knob}.short") if knob in BY_NAME else self.t(knobs()[knob].made)  # type: ignore[union-attr]
        wanted = [
            Drawn(-1 - i, f"{short} {shorter(value)}", setup.with_seed(seed), None)  # type: ignore[arg-type]
            for i, ((value, setup), seed) in enumerate(zip(made, seeds, strict=True))
        ]
        kept = [one for key, one in session.clouds.drawn.items() if key >= 0]
        session.clouds.knob = knob
        with self.using([base]):
            yield from self.fill(session, wanted, kept, count, values)

    def fill(
        self, session: CompareSession, wanted: Sequence[Drawn], kept: Sequence[Drawn], count: Any,
        values: tuple[Any, ...],
    ) -> Iterator[str]:  # fmt: skip
        """Draw what is wanted and not there yet, batch by batch, a batch of every cloud in turn."""
        if coming := self.coming(one.setup for one in wanted):
            yield frame({"compare.notice": wording.notice(coming)})
        prompt = Controls(*values).begins
        own = self.writer(Setup(), prompt, session)
        backend, ids = own.backend, own.prompt_ids
        clouds, look = session.clouds, Look(self.t, backend.vocabulary)
        count = checked_count(count, MAX_SAMPLES)
        writers = [self.writer(one.setup, prompt, session) for one in wanted]
        requests = requests_of([one.setup for one in wanted], writers, same_dice=False, held=None)
        clouds.stop()
        dialogue = prompt if isinstance(prompt, Dialogue) else None
        is_same = (clouds.prompt_ids, clouds.dialogue, clouds.model_name) == (ids, dialogue, backend.info.name)
        kept = kept if is_same else []
        held = sum(one.bytes for one in kept)
        room = min(CLOUD_BYTES, TRACE_BYTES - session.lanes_bytes(lambda source: self.backend_of(source).model))
        most = (room - held) // max(1, sum(sample_bytes(one.max_new_tokens) for one in requests))
        checked_count(count, max(0, most))
        old = clouds.drawn if is_same else {}
        drawn = {}
        for one, request in zip(wanted, requests, strict=True):
            before = old.get(one.key)
            if before and before.setup == one.setup:
                drawn[one.key] = replace(before, name=one.name, wanted=max(before.wanted, count))
            else:
                drawn[one.key] = replace(one, request=request, wanted=count)
        pairs = drawn | {one.key: one for one in kept}
        clouds.drawn = dict(sorted(pairs.items(), key=lambda pair: (pair[0] < 0, abs(pair[0]))))
        clouds.prompt, clouds.prompt_ids, clouds.model_name = prompt, ids, backend.info.name
        if clouds.sample(clouds.reading) is None:
            clouds.reading, clouds.is_blind = None, False
        missing = sum((count - len(one.samples)) * one.request.max_new_tokens for one in drawn.values())
        steps = self.growing(clouds, list(drawn), count)
        with clouds.watching(
            steps, None, take=lambda run, one: clouds.take(run, one.key, one.samples, one.view)
        ) as watch:  # fmt: skip
            yield frame({**self.cloud_panels(session), "compare.notice": wording.notice("")})
            yield from self.batches(session, watch.steps, missing, count, look)
        if clouds.version == watch.run:
            yield frame(self.cloud_panels(session))

    def growing(self, clouds: CloudSession, keys: Sequence[int], count: int) -> Iterator[Batch]:
        """The clouds as they grow to `count` texts each, a batch of every one in turn."""
        starts = {key: len(clouds.drawn[key].samples) for key in keys}
        done = 0
        while going := [key for key in keys if starts[key] < count]:
            for key in going:
                one = clouds.drawn.get(key)
                if one is None:  # its lane was removed
                    starts[key] = count
                    continue
                backend = self.backend_of(one.setup)
                size = min(count - starts[key], rows_at_once(backend.model, one.request))
                with closing(engine.draw(backend.model, one.request, size, first=starts[key])) as drawing:  # type: ignore[type-var]
                    for cloud in drawing:
                        samples = (*one.samples, *cloud.samples)
                        is_whole = len(cloud.samples) == size
                        view = cloud_view(samples, backend.vocabulary) if is_whole else None
                        yield Batch(key, samples, done + cloud.tokens, view)
                done += size * one.request.max_new_tokens
                starts[key] += size

    def batches(
        self, session: CompareSession, steps: Iterator[Batch], missing: int, count: int, look: Look
    ) -> Iterator[str]:  # fmt: skip
        """What the page shows of clouds that grow, of which so many tokens are missing."""
        names = {row.key: row.name for row in self.cloud_rows(session)}
        next_view, next_progress = time.monotonic() + VIEW_SECONDS, 0.0
        for one in steps:
            now = time.monotonic()
            if now >= next_progress or one.view:
                next_progress = now + PROGRESS_SECONDS
                name = names.get(one.key, "")
                yield frame(panels.progress(one.tokens, missing, name, len(one.samples), count, look))
            if one.view and time.monotonic() >= next_view:
                yield frame(self.plane_panels(session))
                next_view = time.monotonic() + VIEW_SECONDS

    @reported()
    def stop_clouds(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """Stop: whole texts stay."""
        clouds = session.clouds
        if not clouds.is_running:
            return
        clouds.stop()
        for key, one in list(clouds.drawn.items()):
            vocabulary = self.backend_of(one.setup).vocabulary
            if one.samples and (one.view is None or one.view.measures.texts != len(one.samples)):
                clouds.drawn[key] = replace(one, view=cloud_view(one.samples, vocabulary), wanted=len(one.samples))
        yield frame(self.cloud_panels(session))

    @reported(if_current=True)
    def verify_clouds(self, session: CompareSession) -> Iterator[str]:
        """Some texts of each cloud compared with runs of their own seeds, and those with transformers."""
        clouds = session.clouds
        version = clouds.version
        if clouds.is_running or self.slot.get().info.name != clouds.model_name:
            return
        with self.using(one.setup for one in clouds.drawn.values()):
            for key, one in list(clouds.drawn.items()):
                has_text = any(sample.token_ids and sample.error is None for sample in one.samples)
                if has_text and not clouds.badge(key) and clouds.version == version:
                    yield from self.verify_cloud(session, key, one, version)

    def verify_cloud(self, session: CompareSession, key: int, one: Drawn, version: int) -> Iterator[str]:
        clouds, backend = session.clouds, self.backend_of(one.setup)

        def is_wanted() -> bool:
            return clouds.version == version

        badge = {"text": self.t("badge.no_reference", name=backend.info.name), "kind": "wait"}
        if runs_in_transformers(backend):
            clouds.badges[key] = one.samples, {"text": self.t("badge.wait"), "kind": "wait"}
            yield frame(panels.badges(self.cloud_rows(session)))
            try:
                found = late.cloud_verification.verify_cloud(one.samples, one.request, backend, is_wanted)
            except late.verification.Cancelled:
                clouds.badges.pop(key, None)
                return
            except Exception:
                clouds.badges.pop(key, None)
                yield frame(panels.badges(self.cloud_rows(session)))
                raise
            badge = panels.badge(found, self.t)
        if is_wanted():
            clouds.badges[key] = one.samples, badge
            yield frame(panels.badges(self.cloud_rows(session)))

    # looking

    @reported()
    def read(self, session: CompareSession, picked: Any, *values: Any) -> str:
        """A dot was clicked: its text."""
        pair = as_pair(picked)
        session.clouds.reading = pair if session.clouds.sample(pair) else None
        session.clouds.is_blind = False
        return frame({**self.plane_panels(session), **self.read_panels(session)})

    @reported()
    def cloud_act(self, session: CompareSession, event: gr.EventData, *values: Any) -> str:
        """A chip was pressed: the axis, the lane and the place of the histogram, a thumb, the next text to rate."""
        clouds, picked = session.clouds, event.picked if isinstance(event.picked, dict) else {}
        do = picked.get("do")
        if do == "axis" and picked.get("axis") in AXES:
            clouds.axis = picked["axis"]
            return frame(self.plane_panels(session))
        if do == "lane" and picked.get("key") in list(clouds.drawn):
            clouds.lane, clouds.place = picked["key"], 0
        elif do == "place" and picked.get("by") in (-1, 1):
            clouds.place = min(MOST_PLACES - 1, max(0, clouds.place + picked["by"]))
        elif do == "rate" and isinstance(picked.get("up"), bool):
            self.rate(clouds, picked["up"])
            return frame({**self.plane_panels(session), **self.read_panels(session)})
        elif do == "next":
            rated = [one.mean_logprob for one in clouds.rated()]
            clouds.reading = next_to_rate(clouds.unrated(), rated)
            clouds.is_blind = clouds.reading is not None
            return frame({**self.plane_panels(session), **self.read_panels(session)})
        return frame(self.histogram_panels(session))

    def rate(self, clouds: CloudSession, is_up: bool) -> None:
        sample = clouds.sample(clouds.reading)
        if sample is not None and clouds.reading is not None:
            key = (clouds.reading[0], sample.token_ids)
            clouds.votes[key] = clouds.votes.get(key, Votes()).with_one(is_up)
            clouds.is_blind = False


def checked_count(count: Any, most: int) -> int:
    """How many texts of each. Raises OutOfRangeError."""
    is_number = isinstance(count, (int, float)) and not isinstance(count, bool)
    if not is_number or not 1 <= count <= most or count != int(count):
        raise OutOfRangeError(name=say("compare.clouds.count"), value=count, minimum=1, maximum=most)
    return int(count)
