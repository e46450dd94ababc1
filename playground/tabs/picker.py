"""The picker: the model of one visitor, for all tabs of their page at once."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import gradio as gr

from playground import catalog
from playground.api.outright import marked, outright
from playground.decoding.dialogue import plain
from playground.engines.huggingface.hub import Hub
from playground.engines.known import named
from playground.engines.loading import ModelSlot
from playground.engines.shelf import GROUPS, STRONGEST, Entry, Shelf, split
from playground.errors import NotOfferedError
from playground.i18n import Translator
from playground.tabs import links
from playground.tabs.arrival import Arrivals, Below
from playground.tabs.brought import MOST, Brought
from playground.tabs.built import Arriving, Built
from playground.tabs.delivery import lossless
from playground.tabs.per_visitor import PerVisitor, Whose, language_of, whose
from playground.tabs.tokenizer.layout import choices
from playground.tabs.visitor import Visitor


def titles(shelf: Shelf, chosen: str = "") -> list[tuple[str, str]]:
    """What the picker offers: shipped models first; those of the Hub with their size. What somebody named and did not
    come is offered to nobody but who has `chosen` it."""
    entries = sorted(shelf.entries, key=lambda entry: GROUPS.index(entry.group))
    stay = (chosen, shelf.first_name)
    entries = [e for e in entries if e.group != "own" or e.name in stay or shelf.slot(e.name).state != "failed"]
    return [(f"{e.shown}{' ' if e.group == 'shipped' else ' · '}{e.note}".strip(" ·"), e.name) for e in entries]


@dataclass(frozen=True)
class Page:
    """The tabs of the page as they are laid out, in one order everywhere, with the handlers of each."""

    built: Mapping[str, Built]
    tabs: Mapping[str, PerVisitor[Any]]

    @property
    def sessions(self) -> list[gr.State]:
        return [one.state for one in self.built.values()]

    @property
    def texts(self) -> list[Any]:
        """The fields in which something of a model's own stands at first, in the order of `_own`."""
        generate, beam = self.built["generate"].controls, self.built["beam"].controls
        rest = ("compare", "attention", "inside", "lockstep")
        return [
            generate.prompt,
            beam.prompt,
            beam.options["stop_strings"],
            *(f for n in rest for f in self.built[n].texts),
        ]

    @property
    def chips(self) -> list[gr.Button]:
        return [chip for name in ("generate", "beam", "compare") for chip in self.built[name].chips]


class Picker:
    """The handlers. What still stands in the fields as one model brought it becomes what the next one brings; what
    a person has written stays."""

    def __init__(
        self, shelf: Shelf, slot: Callable[[Whose], ModelSlot], brought: Callable[[Whose], Brought], page: Page,
        is_public: bool = False,
    ) -> None:  # fmt: skip
        """Where `is_public`, visitors name no model that is not on the shelf."""
        self.shelf, self._slot, self._brought, self._page = shelf, slot, brought, page
        self.arrivals = Arrivals(shelf, slot)
        self.is_public = is_public
        self._hub = Hub(shelf.budget)

    def pick(self, name: str, *given: Any) -> list[Any]:
        """A model was chosen: every tab of the visitor is put in order for it, and it begins to load. Raises
        UnknownModelError."""
        sessions, texts = self._split(given)
        before = whose(sessions[0])
        name = self.shelf.entry(name).name
        self._slot(before._replace(model=name)).start()
        return self._told(name, before, sessions, texts)

    def scale(self, value: Any, *given: Any) -> list[Any]:
        """The adapter of the model on the page at another strength: that is another model, which shares all weights of
        the base. Raises OutOfRangeError."""
        number = catalog.check_number("scale", value, 0.0, STRONGEST)
        sessions, _ = self._split(given)
        whole = split(self._slot(whose(sessions[0])).name)[0]
        return self.pick(f"{whole}*{number:g}", *given)

    def name(self, text: str, *given: Any) -> list[Any]:
        """A folder, a .gguf file or an id of the Hub was written: it comes on the shelf, and is chosen. Raises
        NotOfferedError where strangers visit."""
        text = text.strip()
        if not text:
            return self._unchanged(self._split(given)[1])
        if self.is_public and text not in self.shelf:
            raise NotOfferedError(name=text, offered=", ".join(entry.name for entry in self.shelf.entries))
        entry = self.shelf.entry(text) if text in self.shelf else self.shelf.add(named(text, self._hub))
        return self.pick(entry.name, *given)

    def act(self, event: gr.EventData, *given: Any) -> list[Any]:
        """What the line of a model that is on its way, or has failed, offers: once more, or back to the one before."""
        sessions, _ = self._split(given)
        left = self._slot(whose(sessions[0])).name
        if event.picked == "again":
            answer = self.pick(left, *given)
            for session in sessions:
                session.arrives = True
            return answer
        answer = self.pick(self.arrivals.way_back(sessions[0]) or left, *given)
        self.arrivals.leave(left)  # after the visitor has gone: nobody tells them that it has not come
        return answer

    def offered(self) -> Any:
        """What is on the shelf by now."""
        return gr.Dropdown(choices=titles(self.shelf))

    def follow(self, query: str, *given: Any) -> list[Any]:
        """A link was opened: the model that it names, if it is on the shelf and needs not be fetched; the links say so
        where it is not, or has to be."""
        sessions, texts = self._split(given)
        before = whose(sessions[0])
        named = links.model_of(query)
        is_other = named in self.shelf and self._slot(before).name != named
        is_wanted = is_other and not self.shelf.is_at_hand(named)
        for session in sessions:
            session.link_query = query if isinstance(query, str) else ""
            session.link_wants = named if is_wanted else ""
        if is_wanted or not is_other:
            return self._unchanged(texts)
        return self._told(self.shelf.entry(named).name, before, sessions, texts)

    def _unchanged(self, texts: list[Any]) -> list[Any]:
        return [gr.skip()] * (1 + len(texts) + len(self._page.chips) + 2)

    def _split(self, given: Sequence[Any]) -> tuple[list[Visitor], list[Any]]:
        count = len(self._page.built)
        return list(given[:count]), list(given[count:])

    def _told(self, name: str, before: Whose, sessions: list[Visitor], texts: list[Any]) -> list[Any]:
        """For the picker, the fields, the chips, the tokenizers and the scale."""
        now, t = before._replace(model=name), before.t
        old_name = self._slot(before).name
        for session in sessions:
            session.came_from = old_name if old_name != name else session.came_from
            session.language, session.model = before.language, name
        for tabs, session in zip(self._page.tabs.values(), sessions, strict=True):
            session.arrives = tabs.put_in_order(session) or session.arrives
        old, new = self._own(self._brought(before)), self._own(self._brought(now))
        fields = [after if text == was else gr.skip() for text, was, after in zip(texts, old, new, strict=True)]
        loaded = gr.Dropdown(choices=choices(self._slot(now).display_name, t))
        entry = self.shelf.entry(name)
        scale = gr.Slider(value=strength(entry), visible=entry.has_adapter)
        whole = split(name)[0]
        picked = gr.Dropdown(choices=titles(self.shelf, whole), value=whole)
        return [picked, *fields, *self._chips(self._brought(now), t), loaded, scale]

    @staticmethod
    def _own(brought: Brought) -> list[str]:
        """What a model brings for `Page.texts`."""
        return [
            brought.examples[0].prompt, brought.searches[0].prompt, brought.ends,
            plain(brought.comparisons[0].prompt), "\n".join(brought.batch), brought.looked_at, brought.walked,
            brought.compared,
        ]  # fmt: skip

    @staticmethod
    def _chips(brought: Brought, t: Translator) -> list[Any]:
        found = []
        for names in (
            [t(f"example.{one.key}.name") for one in brought.examples],
            [t(f"beam.example.{one.key}.name") for one in brought.searches],
            [t(f"compare.example.{one.key}.name") for one in brought.comparisons],
        ):
            found += [gr.Button(name, visible=True) for name in names]
            found += [gr.Button(visible=False)] * (MOST - len(names))
        return found


def build(shelf: Shelf, first: str, t: Translator) -> gr.Dropdown:
    """The picker itself, in the header."""
    return gr.Dropdown(
        titles(shelf), value=first, label=t("shelf.label"), container=False, filterable=False, elem_id="shelf",
        min_width=120,
    )  # fmt: skip


def strength(entry: Entry) -> float:
    """Of its adapter."""
    scale = split(entry.name)[1]
    return 1.0 if scale is None else scale


def build_scale(shelf: Shelf, first: str, t: Translator) -> gr.Slider:
    """How strong the model's adapter is; out of sight where it has none."""
    entry = shelf.entry(first)
    return gr.Slider(
        0, STRONGEST, strength(entry), step=0.05, label=t("shelf.scale"), visible=entry.has_adapter,
        elem_id="adapter-scale", min_width=120, buttons=[],
    )  # fmt: skip


def wire(picker: Picker, page: Page, dropdown: gr.Dropdown, scale: gr.Slider, below: Below, demo: gr.Blocks) -> None:
    """What happens when a model is chosen, by hand or by a link, and while it arrives."""
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    given = [*page.sessions, *page.texts]
    changed = [dropdown, *page.texts, *page.chips, *page.built["tokenizer"].texts, scale]
    generate = page.built["generate"]
    watch = lossless(picker.arrivals.watch)
    watching: dict[str, Any] = {
        "inputs": [generate.state], "outputs": generate.arriving.outputs, "show_progress": "hidden",
        "concurrency_limit": None, "api_visibility": "private",
    }  # fmt: skip

    def arrive(chosen: Any, one: Built) -> Any:
        return chosen.then(
            _arriving(one.arriving), inputs=one.arriving.inputs, outputs=one.arriving.outputs,
            show_progress="hidden", trigger_mode="multiple", concurrency_limit=None, api_visibility="private",
        )  # fmt: skip

    def arrives(chosen: Any) -> None:
        chosen.then(watch, trigger_mode="multiple", **watching)
        for one in page.built.values():
            arrive(chosen, one)

    arrives(dropdown.input(_guarded(picker.pick), inputs=[dropdown, *given], outputs=changed, **quiet))
    arrives(scale.release(_guarded(picker.scale), inputs=[scale, *given], outputs=changed, **quiet))
    arrives(below.line.act(_guarded(picker.act), inputs=given, outputs=changed, **quiet))
    demo.load(watch, **watching)
    demo.load(outright(picker.offered), outputs=[dropdown], **quiet)
    if below.other is not None:
        opener, row, text, load = below.other
        opener.click(outright(lambda: gr.Row(visible=True)), outputs=[row], **quiet)
        for event in (load.click, text.submit):
            chosen = event(_guarded(picker.name), inputs=[text, *given], outputs=changed, **quiet)
            chosen.success(outright(lambda: gr.Row(visible=False)), outputs=[row], **quiet)
            arrives(chosen)
    for opened in page.built.values():
        if opened.linked is not None:
            door, open_after = opened.linked
            chosen = door.input(_guarded(picker.follow), inputs=[door, *given], outputs=changed, **quiet)
            chosen.then(watch, trigger_mode="multiple", **watching)
            for one in page.built.values():
                if one is not opened:
                    arrive(chosen, one)
            open_after(arrive(chosen, opened))


def _arriving(arriving: Arriving) -> Callable[..., Any]:
    """Once for every model that was chosen; otherwise nothing, said: what follows a generator that yields nothing does
    not come about."""
    handler, count = arriving.handler, len(arriving.outputs)
    nothing = gr.skip() if count == 1 else [gr.skip()] * count
    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def streaming(session: Visitor, *rest: Any) -> Iterator[Any]:
            if not session.arrives:
                yield nothing
                return
            session.arrives = False
            yield from handler(session, *rest)

        return marked(streaming)

    @wraps(handler)
    def answering(session: Visitor, *rest: Any) -> Any:
        if not session.arrives:
            return nothing
        session.arrives = False
        return handler(session, *rest)

    return marked(answering)


def _guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    return outright(handler, lambda *given: language_of(*(one for one in given if isinstance(one, Visitor))))
