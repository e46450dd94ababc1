"""The handlers of the Inside tab: the forward pass laid open, the logit lens, and where the parameters are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from playground.components.gaze import as_index, as_pair
from playground.components.live_bus import FrameLog, frame
from playground.engines import prompts
from playground.engines.loading import ModelSlot
from playground.errors import NothingToInspectError, PromptTooLongError
from playground.i18n import Translator
from playground.panels import wording
from playground.panels.figures.anatomy import anatomy_figure
from playground.panels.inside import frames as inside_frames
from playground.panels.inside import rounding as rounding_frames
from playground.runs import late
from playground.runs.late import inspection_of
from playground.tabs.brought import TALES, Brought
from playground.tabs.look_links import Looking
from playground.tabs.newest import Requests, newest
from playground.tabs.shell import reported
from playground.views.anatomy import Anatomy, anatomy
from playground.views.forward_pass import largest_difference, station_row
from playground.views.logit_lens import guesses, logit_lens
from playground.views.rounding import rounding

if TYPE_CHECKING:
    from playground.engines.huggingface.inspection import Inspection
    from playground.engines.huggingface.rounding import Rounded
    from playground.engines.huggingface.transparent import Station

MOST_TOKENS = 512
LENS_COLUMNS = 48  # positions of the lens at once: the ones around the token on show
TOLERANCE = 1e-5
BYTES = {"bfloat16": 2, "int8": 1}  # a parameter, about
ROUNDED = tuple(BYTES)
SMALL_COPY = 128 * 2**20  # bytes of a rounded copy that is made without being asked for
WAITING = ("inside.badge", "inside.head", "inside.lens_words", rounding_frames.WORDS)
Channels = dict[str, object]


class InsideSession(Looking):
    """What one visitor has on the tab.

    Attributes:
        is_opened: whether the tab has been filled by another model.
        ids: the text; `token` is the position on show, `block` the opened block, `layer` the lens's row.
        dtype: how the text is rounded, for comparison.
        frames: what was sent to the page lately.
        waiting: the channels on which the page says that something is on its way.
        requests: what it was asked for lately.
    """

    def __init__(self) -> None:
        self.ids: tuple[int, ...] = ()
        self.token, self.block, self.layer = 0, 0, 0
        self.dtype = ROUNDED[0]
        self.is_opened = False
        self.frames = FrameLog()
        self.waiting = set(WAITING)
        self.requests = Requests()

    def __deepcopy__(self, memo: object) -> "InsideSession":
        """Gradio copies the initial state for every visitor."""
        return InsideSession()


class InsideTab:
    """The handlers of the tab. Holds what all visitors share: the model and the language."""

    def __init__(self, slot: ModelSlot, t: Translator, brought: Brought = TALES) -> None:
        self.slot = slot
        self.brought = brought
        self.t = t

    def failed(self, session: InsideSession, words: str, ends_run: bool) -> Channels:
        return {"inside.notice": wording.notice(words, "bad")}

    def inspection(self) -> "Inspection":
        """The model laid open. Waits for it; raises ModelUnavailableError."""
        return inspection_of(self.slot)

    def first_frame(self) -> Channels:
        """Every panel waits for the model."""
        waiting = {"parts": [self.t("inside.waiting", name=self.slot.display_name)]}
        return dict.fromkeys(WAITING, waiting) | {
            "inside.badge": wording.badge(self.t("inside.waiting", name=self.slot.display_name), "wait")
        }

    def renew(self, session: InsideSession) -> None:
        """The session comes to this model from another one: its text is read anew."""
        session.is_opened = session.is_opened or bool(session.ids)
        session.ids, session.token, session.block, session.layer = (), 0, 0, 0

    @reported(*WAITING)
    def arrive(self, session: InsideSession, text: str, measure: str) -> Iterator[str]:
        """Another model was chosen: what is on show is of the one before until it has come, and says so."""
        session.waiting |= set(WAITING)
        still = {"inside.notice": wording.notice(self.t("notice.still_of", name=self.slot.display_name), "wait")}
        yield frame({**self.first_frame(), **(still if session.is_opened else {})})
        if session.is_opened:
            yield from self.open(session, text, measure)

    # ---- events --------------------------------------------------------------------------------------------------

    @reported(*WAITING)
    def open(self, session: InsideSession, text: str, measure: str) -> Iterator[str]:
        """The tab was opened: fill it, the first time."""
        if session.ids:
            return
        yield from self.look(session, text, measure)
        inspection = self.inspection()
        view = self.parts(inspection)
        channels: Channels = {
            "inside.anatomy": anatomy_figure(view, self.t),
            "inside.anatomy_words": {"parts": [self.t("inside.anatomy.words", total=view.total)]},
        }
        yield frame(channels)
        yield frame({"inside.family": inside_frames.family_table(late.family.gpt2_family(), self.t)})

    @reported(*WAITING)
    @newest("token")
    def look(self, session: InsideSession, text: str, measure: str) -> Iterator[str]:
        """A text: all of it at its last token."""
        inspection = self.inspection()
        ids = prompts.read(text, inspection.backend)
        limit = min(MOST_TOKENS, inspection.model.context_length)
        if len(ids) > limit:
            raise PromptTooLongError(tokens=len(ids), limit=limit)
        session.ids, session.token = ids, len(ids) // 2
        session.layer = inspection.backend.info.layers - 1  # the last one that may still say something else
        yield frame({**self.walk(session, inspection), **self.lens(session, measure, inspection)})
        yield frame(self.rounding(session, inspection))

    @reported(*WAITING)
    @newest("token")
    def pick_token(self, session: InsideSession, picked: Any, measure: str) -> Iterator[str]:
        """The person looks at a token of the text."""
        index = as_index(picked)
        if session.ids and index is not None:
            session.token = max(0, min(index, len(session.ids) - 1))
            inspection = self.inspection()
            yield frame({**self.walk(session, inspection), **self.lens(session, measure, inspection)})

    @reported(*WAITING)
    @newest("block")
    def pick_block(self, session: InsideSession, picked: Any, measure: str) -> Iterator[str]:
        """The person looks into a block, or at None, into none."""
        if session.ids:
            block = as_index(picked)
            session.block = -1 if block is None else block
            yield frame(self.walk(session, self.inspection()))

    @reported(*WAITING)
    @newest("token")
    def pick_cell(self, session: InsideSession, picked: Any, measure: str) -> Iterator[str]:
        """The person looks at a cell of the lens: that layer at that position."""
        place = as_pair(picked)
        if session.ids and place:
            inspection = self.inspection()
            layers = inspection.backend.info.layers
            row, column = place
            session.layer = max(0, min(layers - row, layers))
            if column >= 0:
                session.token = min(self.lens_start(session) + column, len(session.ids) - 1)
            yield frame({**self.walk(session, inspection), **self.lens(session, measure, inspection)})

    @reported("inside.lens_words")
    @newest("measure")
    def redraw(self, session: InsideSession, measure: str) -> Iterator[str]:
        """Another measure for the colours of the lens."""
        if session.ids:
            yield frame(self.lens(session, measure, self.inspection()))

    @reported(rounding_frames.WORDS)
    @newest("rounding")
    def round(self, session: InsideSession, dtype: str) -> Iterator[str]:
        """The person wants to see what rounding in this way does."""
        if session.ids and dtype in ROUNDED:
            session.dtype = dtype
            yield frame(self.rounding(session, self.inspection(), is_asked=True))

    @reported(*WAITING)
    def resync(self, session: InsideSession, measure: str) -> Iterator[str]:
        """The page has missed something: all of it again."""
        if session.ids:
            inspection = self.inspection()
            yield frame({**self.walk(session, inspection), **self.lens(session, measure, inspection)})
            yield frame(self.rounding(session, inspection))

    # ---- panels --------------------------------------------------------------------------------------------------

    def walk(self, session: InsideSession, inspection: "Inspection") -> Channels:
        """The stations, compared with the library; a word instead where the architecture is not known."""
        t, vocabulary = self.t, inspection.backend.vocabulary
        channels: Channels = {
            "inside.text": inside_frames.text(session.ids, session.token, vocabulary, t),
            "inside.notice": wording.notice(""),
        }
        states, logits = inspection.hidden_states(session.ids)
        top = guesses(logits[session.token], vocabulary, 4)
        module = inspection.twin
        base, whole = type(module.base_model).__name__, type(module).__name__
        channels["inside.head"] = inside_frames.head_panel(self.parts(inspection), top, base, whole, t)
        rows, largest, ours = [], 0.0, logits
        try:
            for station in late.transparent.forward(module, session.ids, inspection.windows):
                rows.append(station_row(station, session.token))
                theirs = _library(station, states, logits)
                if theirs is not None:
                    largest = max(largest, largest_difference(station.values, theirs))
                if station.name == "logits":
                    ours = station.values
        except NothingToInspectError as error:
            channels["inside.badge"] = wording.badge(error.message(self.t), "bad")
            return channels
        plain = largest_difference(ours, inspection.logits(session.ids))
        words = t(
            "inside.badge.words", name=whole, blocks=len(states) - 1, difference=_scientific(largest),
            plain=_scientific(plain),
        )  # fmt: skip
        channels["inside.stations"] = inside_frames.stations(rows, session.block, len(states) - 1, t)
        if inspection.backend.info.dtype != "float32":
            words += t("inside.badge.reference", dtype=inspection.backend.info.dtype)
        channels["inside.badge"] = wording.badge(words, "good" if largest <= TOLERANCE else "bad")
        return channels

    def rounding(self, session: InsideSession, inspection: "Inspection", is_asked: bool = False) -> Channels:
        """The text in float32 and rounded; of a large model only once somebody has asked for the copy."""
        backend, t = inspection.backend, self.t
        dtype = session.dtype
        if len(session.ids) < 2:
            return {rounding_frames.WORDS: {"parts": [t("inside.rounding.short")]}}
        size = backend.info.parameters * BYTES[dtype]
        key = f"rounded {dtype}"
        if size > SMALL_COPY and not is_asked and dtype != backend.info.dtype and not self.slot.has(key):
            return rounding_frames.asked(dtype, size, t)
        try:
            rounded = self.slot.once(key, lambda: backend.rounded(cast("Rounded", dtype)))
        except late.rounding.NoInt8Error:
            return {rounding_frames.WORDS: {"parts": [t("inside.rounding.unavailable")]}}
        view = rounding(inspection.logits(session.ids), rounded.logits(session.ids), session.ids, backend.vocabulary)
        return rounding_frames.frames(view, dtype, rounded.bytes - rounded.beside_bytes, t)

    def parts(self, inspection: "Inspection") -> Anatomy:
        module = inspection.twin
        rows, width = module.get_output_embeddings().weight.shape
        return anatomy(late.family.sizes(module), late.family.is_tied(module), width, rows)

    def lens_start(self, session: InsideSession) -> int:
        """The first position of the lens: all of a short text, else so that the token on show is in the window."""
        return max(0, min(session.token - LENS_COLUMNS // 2, len(session.ids) - LENS_COLUMNS))

    def lens(self, session: InsideSession, measure: str, inspection: "Inspection") -> Channels:
        start, vocabulary = self.lens_start(session), inspection.backend.vocabulary
        end = start + LENS_COLUMNS
        try:
            layers = inspection.lens(session.ids, start, end)
        except NothingToInspectError as error:
            return {"inside.lens_words": {"parts": [error.message(self.t)]}}
        view = logit_lens(layers, session.ids[start:end], vocabulary, start)
        chosen = (min(session.layer, len(layers) - 1), session.token)
        listed = guesses(layers[chosen[0]][session.token - start], vocabulary)
        note = ""
        if len(session.ids) > LENS_COLUMNS:
            note = self.t("inside.lens.part", first=start, last=start + len(view.tokens) - 1, tokens=len(session.ids))
        return {
            "inside.lens": inside_frames.lens(view, measure, chosen, self.t),
            "inside.lens_note": {"parts": [note] if note else []},
            **inside_frames.lens_list(view, chosen, listed, self.t),
        }


def _library(station: "Station", states: list[Tensor], logits: Tensor) -> Tensor | None:
    """What transformers has at this station: the state after each block but the last, the final norm, the logits."""
    if station.name == "residual_mlp" and station.block is not None and station.block + 1 < len(states) - 1:
        return states[station.block + 1]
    return {"final_norm": states[-1], "logits": logits}.get(station.name)


def _scientific(difference: float) -> str:
    return "0.0" if difference == 0 else f"{difference:.1e}"
