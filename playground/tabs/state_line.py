"""The state line: whether a run goes on, which settings made what is on the page, and what has changed since."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from inspect import isgeneratorfunction
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import gradio as gr

from playground.catalog import BY_NAME, FOR_BEAMS, ORDERS
from playground.components.live_bus import Frame, frame, joined
from playground.i18n import Said, Translator, said, say
from playground.lists import LISTS
from playground.runs.run import State
from playground.runs.strategies.options import EARLY_STOPPING, Choice, Number, Option, Texts
from playground.tabs.beam.controls import BeamValues
from playground.tabs.generate.controls import Values
from playground.tabs.per_visitor import PerVisitor
from playground.tabs.visitor import Running
from playground.views.notation import shorter

MOST_CHANGES = 4  # that are named; more are counted
# not said of the settings that made it: they stand elsewhere, or are long
UNSAID = ("how", "prompt", "length", EARLY_STOPPING.name)
Parts = list[str | dict[str, Any]]


class Setting(NamedTuple):
    """One setting: its name, and its value; without a value only the name is said (a long text). In no language yet:
    sessions hold it, and whoever is told of it reads it in their own."""

    name: Said
    value: Said | str
    said: str = ""


Settings = Mapping[str, Setting]


def settings_of_text(values: Values) -> dict[str, Setting]:
    """What makes a text, of the controls of the Generate tab: what is off, or has no say, is left out."""
    found = {"how": Setting(say("made.strategy"), say(values.kind.made))}
    on = {name: value for name, value in values.parameters.items() if value != BY_NAME[name].neutral}
    for name, value in on.items():
        owner = BY_NAME[name].belongs_to
        counts = values.do_sample or not BY_NAME[name].sampling_only
        if counts and (owner is None or owner in on):
            found[name] = Setting(say(f"parameter.{name}.short"), shorter(value))
    for name, text in values.texts.items():
        owner = LISTS[name].belongs_to
        if text.strip() and (owner is None or owner in on):
            found[name] = Setting(say(f"parameter.{name}.short"), "", text)
    if values.do_sample:
        found["seed"] = Setting(say("made.seed"), _plain(values.seed))
        order = [name for name in values.order if name in found]
        if order != [name for name in ORDERS["transformers"] if name in order]:
            found["order"] = Setting(say("made.order"), "", " ".join(order))
    return found | _asked(values.turns or values.prompt, values.length)


def settings_of_search(values: BeamValues) -> dict[str, Setting]:
    """What makes a search, of the controls of the Beam search tab."""
    kind = values.kind
    found = {"how": Setting(say("made.strategy"), say(kind.made))}
    for option in kind.options:
        setting = _setting(option, values.options.get(option.name))
        if setting is not None:
            found[option.name] = setting
    if kind.draws:
        found["seed"] = Setting(say("made.seed"), _plain(values.seed))
    for parameter in FOR_BEAMS:
        value = values.parameters.get(parameter.name, parameter.neutral)
        if (kind.draws or not parameter.sampling_only) and value != parameter.neutral:
            found[parameter.name] = Setting(say(f"parameter.{parameter.name}.short"), shorter(value))
    return found | _asked(values.turns or values.prompt, values.length)


def _setting(option: Option, control: Any) -> Setting | None:
    """What the control of an option says, in words; None where it has none, or says nothing."""
    if not option.made:
        return None
    if isinstance(option, Number):
        return Setting(say(option.made), _plain(option.read(control)))
    if isinstance(option, Choice):
        return Setting(say(option.made), say(option.texts[control]))
    if not isinstance(option, Texts) or not option.is_single:
        return Setting(say(option.made), "", str(control or ""))
    return Setting(say(option.made), f"“{control}”") if control else None


def _asked(prompt: str, length: float) -> dict[str, Setting]:
    return {"prompt": Setting(say("made.prompt"), "", prompt), "length": Setting(say("made.length"), _plain(length))}


def _plain(value: float) -> str:
    """A number of a field, emptied or of any kind."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if value == int(value) else shorter(value)


def changes(before: Settings, now: Settings, t: Translator) -> list[str]:
    """What differs, each in words, in the order of the settings."""
    off, found = t("made.off"), []
    for name in dict.fromkeys([*before, *now]):
        was, is_ = before.get(name), now.get(name)
        if was == is_:
            continue
        some = was or is_
        assert some is not None
        if some.value:
            values = {"before": was.value if was else off, "now": is_.value if is_ else off}
            found.append(t("made.change", name=some.name, **values))
        else:
            found.append(said(some.name, t))
    return found


def listed(items: Sequence[str], t: Translator) -> str:
    more = len(items) - MOST_CHANGES
    shown = list(items) if more <= 1 else [*items[:MOST_CHANGES], t("made.more", count=more)]
    return ", ".join(shown)


def made_by(ways: Sequence[tuple[int, Settings]], t: Translator) -> str:
    """The settings of the first token, and what was changed on the way, as (index of the first token, settings)."""
    if not ways:
        return ""
    first = ways[0][1]
    others = [f"{said(s.name, t)} {said(s.value, t)}".strip() for name, s in first.items() if name not in UNSAID]
    how = first["how"].value
    words = t("made.with", how=how, settings=listed(others, t)) if others else t("made.plain", how=how)
    for (_, before), (index, now) in pairwise(ways):
        words += t("made.later", number=index + 1, changes=listed(changes(before, now, t), t))
    return words


def line(
    state: State, ways: Sequence[tuple[int, Settings]], now: Settings | None, t: Translator, actions: Parts
) -> dict[str, object]:
    """The payload of the line: kind "changed" where the settings on the page are others than those that made it."""
    changed = changes(ways[-1][1], now, t) if ways and now and state != "ready" else []
    parts: Parts = [{"text": t(f"state.{state}"), "kind": f"state state-{state}"}]
    if ways and state != "ready":
        parts.append({"text": made_by(ways, t), "kind": "made"})
    if changed:
        parts.append({"text": t("made.changed", changes=listed(changed, t)), "kind": "changed"})
    return {"parts": [*parts, *actions], "kind": "changed" if changed else state}


def buttons(state: State, t: Translator, prefix: str = "") -> dict[str, object]:
    """What Run, Pause and Stop say, and whether they have anything to do."""
    is_running, is_paused = state == "running", state == "paused"
    return {
        f"{prefix}run": {"text": t("button.running") if is_running else t("button.run") + " ▶", "kind": state},
        f"{prefix}pause": {
            "text": t("button.resume" if is_paused else "button.pause"), "off": not (is_running or is_paused),
        },
        f"{prefix}stop": {"text": t("button.stop"), "off": not (is_running or is_paused)},
    }  # fmt: skip


class Stateful(Protocol):
    """A tab whose page says at any time how its run stands."""

    def heard(self, session: Any, values: tuple[Any, ...]) -> None:
        """The controls came with an event: take note of what they say."""

    def standing(self, session: Any) -> dict[str, object]:
        """The channels that say how the run stands."""


def stated(tab: Stateful | PerVisitor[Any], handler: Callable[..., Any], controls: int) -> Callable[..., Any]:
    """The handler (session, …, `controls` values at the end), after whose every frame the page knows how the run
    stands: whatever the handler did, and however it ended."""

    def news(session: Running) -> Frame | None:
        asked = session.frames.now()  # before the state is read, so that an older one is never shown over a newer one
        standing = tab.standing(session)
        if standing == session.told:
            return None
        session.told = standing
        return frame(standing, asked)

    if isgeneratorfunction(handler):

        @wraps(handler)
        def streaming(session: Running, *rest: Any) -> Iterator[Any]:
            if controls:
                tab.heard(session, rest[-controls:])
            for update in handler(session, *rest):
                yield update
                if made := news(session):
                    yield made
            if made := news(session):
                yield made

        return streaming

    @wraps(handler)
    def answering(session: Running, *rest: Any) -> Any:
        if controls:
            tab.heard(session, rest[-controls:])
        update = handler(session, *rest)
        made = news(session)
        if made is None:
            return update
        return joined(made.channels, update) if isinstance(update, Frame) else made

    return answering


def nothing(session: Running, *values: Any) -> Any:
    """A setting was changed of which no chart speaks: the state line alone."""
    return gr.skip()
