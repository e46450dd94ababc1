"""The handlers of the Tokenizer tab: what happens when a person types, points, steps, trains, compares."""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from playground.components.gaze import as_index
from playground.components.live_bus import Frame, frame
from playground.engines.huggingface.tokenizers_at_hand import LOADED, SHIPPED, TokenizerShelf
from playground.engines.loading import ModelSlot
from playground.engines.protocol import scorer
from playground.errors import PlaygroundError
from playground.i18n import Translator
from playground.panels import wording
from playground.panels.generate import retokenization
from playground.panels.tokenizer import frames as tokenizer_frames
from playground.panels.tokenizer import replay as tokenizer_replay
from playground.panels.tokenizer import sections as tokenizer_sections
from playground.panels.tokenizer import training as tokenizer_training
from playground.panels.tokenizer.replay import Replaying
from playground.panels.wording import Channels
from playground.runs import late
from playground.tabs.shell import reported
from playground.tabs.tokenizer.session import TokenizerSession
from playground.tokenization.findings import find
from playground.tokenization.replay import passages
from playground.tokenization.round_trip import retokenize, round_trip
from playground.tokenization.segments import segment
from playground.tokenization.text_tokenizer import TextTokenizer
from playground.views.notation import NATS

MOST_CHARACTERS = 50_000
SECTIONS = ("replay", "train", "side", "round", "batch")
EXAMPLES = ("notice", "words", "scripts", "numbers", "hidden")
FIRST_WORD = " chartreuse"  # replayed when the page opens


class TokenizerTab:
    """The handlers. Holds what all visitors share: the tokenizers and the language."""

    def __init__(self, slot: ModelSlot, t: Translator, shelf: TokenizerShelf | None = None) -> None:
        self.slot = slot
        self.shelf = shelf or TokenizerShelf(slot, lambda name: late.hub_tokenizers.read(name))
        self.t = t
        self.first_text = t("tokenizer.example.notice.text")

    def failed(self, session: TokenizerSession, words: str, ends_run: bool) -> Channels:
        return {"tokenizer.notice": wording.notice(words, "bad")}

    # ---- the start ---------------------------------------------------------------------------------------------

    def new_session(self) -> TokenizerSession:
        session = TokenizerSession(segment(self.first_text, self.shelf.first), self.shelf.first)
        session.replaying = self._replaying(session, self.first_text.find(FIRST_WORD) + 1)
        return session

    def first_frame(self) -> Channels:
        """Everything filled from the shipped tokenizer's file: nobody waits for a model."""
        session = self.new_session()
        return {
            **self._upper(session, 0, 0, settles=False),
            **self._replay(session, None),
            "tokenizer.lesson": {"parts": [self.t("tokenizer.example.notice.notice")]},
        }

    @reported()
    def welcome(self, session: TokenizerSession, text: str, name: str) -> Iterator[Any]:
        """The page's text is read, if it is another than the session's. The model has come: its tokenizer takes the
        place of the shipped one, if it is another."""
        if text != session.segmentation.text:
            yield self.type(session, text, name)
        try:
            loaded = self.shelf.get(LOADED)
        except PlaygroundError:
            return  # the Generate tab says so; the shipped tokenizer stays
        if (name or LOADED) == LOADED and loaded.name != self.shelf.first.name:
            yield self.type(session, text, name)

    @reported()
    def arrive(self, session: TokenizerSession, text: str, name: str) -> Iterator[Any]:
        """Another model was chosen: its tokenizer reads the text, if it is the model's that is on show."""
        if (name or LOADED) == LOADED:
            self.shelf.get(LOADED)
            yield self.type(session, text, name)

    def renew(self, session: TokenizerSession) -> None:
        """The session comes to this model from another one: the text stays, and is read anew."""

    # ---- the text ----------------------------------------------------------------------------------------------

    @reported()
    def type(self, session: TokenizerSession, text: str, name: str) -> Any:
        """A text came in, or another tokenizer for it: the newest is shown, one that was overtaken is not."""
        number = session.new_text()
        try:
            tokenizer = self.shelf.at_once(name or LOADED)
        except PlaygroundError:
            if not session.refuse(number):
                return gr.skip()
            raise
        text = text or ""
        segmentation = segment(text[:MOST_CHARACTERS], tokenizer)
        if not session.take(number, segmentation, tokenizer):
            return gr.skip()
        channels = self._upper(session, number, max(0, len(text) - MOST_CHARACTERS))
        return frame({**channels, "tokenizer.notice": wording.notice("")})

    def choose(self, session: TokenizerSession, text: str, name: str) -> Iterator[Any]:
        """Another tokenizer: one that is not at hand may take long to come, or not to come."""
        if not self.shelf.has(name or LOADED):
            yield frame({"tokenizer.notice": wording.notice(self.t("tokenizer.looking", name=name))})
        yield self.type(session, text, name)

    def _upper(self, session: TokenizerSession, number: int, cut: int, settles: bool = True) -> Channels:
        segmentation, tokenizer = session.segmentation, session.tokenizer
        found = find(segmentation, tokenizer) if session.finds else None
        shown = tokenizer_frames.findings(found, tokenizer, self.t) if found else {"blocks": []}
        return {
            "tokenizer.tokens": tokenizer_frames.tokens(
                segmentation, tokenizer, number, cut, found, self.t, settles
            ),
            "tokenizer.headline": tokenizer_frames.headline(segmentation, tokenizer, self.t),
            "tokenizer.findings": shown,
        }  # fmt: skip

    @reported()
    def find(self, session: TokenizerSession, text: str, name: str) -> Any:
        """Look for examples in the text, and go on doing so while it changes; once more: stop."""
        session.finds = not session.finds
        return self.type(session, text, name)

    def example(self, key: str, session: TokenizerSession, name: str) -> tuple[str, Any]:
        """One of the texts, and a word on what to notice in it."""
        text = self.t(f"tokenizer.example.{key}.text")
        shown = self.type(session, text, name)
        lesson = {"tokenizer.lesson": {"parts": [self.t(f"tokenizer.example.{key}.notice")]}}
        return text, frame({**shown.channels, **lesson}) if isinstance(shown, Frame) else shown

    # ---- the sections ------------------------------------------------------------------------------------------

    @reported()
    def pick(self, session: TokenizerSession, picked: Any, section: str) -> Any:
        """The person looks at a token: its word is replayed."""
        session.chosen = max(0, as_index(picked) or 0)
        if section != "replay" or session.chosen >= len(session.segmentation.tokens):
            return gr.skip()
        return frame(self._replay(session, session.segmentation.tokens[session.chosen].start))

    @reported()
    def pick_word(self, session: TokenizerSession, picked: Any) -> Any:
        """A word was chosen for the replay; -1: all of them."""
        state, chosen = session.replaying, as_index(picked)
        if state is None or chosen is None or not -1 <= chosen < len(state.passages):
            return gr.skip()
        state.chosen, state.step = (None, 0) if chosen < 0 else (chosen, None)
        return frame(tokenizer_replay.replay(state, session.segmentation, self.t))

    @reported()
    def step_replay(self, session: TokenizerSession, picked: Any) -> Any:
        if session.replaying is None or as_index(picked) is None:
            return gr.skip()
        session.replaying.step = max(0, picked)
        return frame(tokenizer_replay.replay(session.replaying, session.segmentation, self.t))

    @reported()
    def step_training(self, session: TokenizerSession, picked: Any) -> Any:
        if session.training is None or as_index(picked) is None:
            return gr.skip()
        session.training.step = max(0, min(picked, len(session.training.learnt)))
        return frame(tokenizer_training.training(session.training, session.segmentation.text, self.t))

    @reported()
    def show(self, session: TokenizerSession, section: str, *values: Any) -> Iterator[Any]:
        """The section on show, anew: the text, the tokenizer or one of its own settings has changed.

        `values`: words to learn from, size; tokenizers at hand, others; ids; texts of the batch, side.
        """
        number = session.new_section()
        words, size, at_hand, others, ids, texts, side = values
        try:
            if section == "replay":
                channels = iter([self._replay(session, None)])
            elif section == "train":
                channels = iter([self._train(session, words, size)])
            elif section == "side":
                channels = self._side(session, at_hand or [], others or "")
            elif section == "round":
                channels = self._round(session, ids or "")
            else:
                channels = iter([self._batch(session, texts or "", side)])
            for one in channels:
                if not session.is_newest(number):
                    return
                yield frame(one if session.refused else {**one, "tokenizer.notice": wording.notice("")})
        except PlaygroundError as error:
            if session.is_newest(number):
                yield frame({"tokenizer.notice": wording.notice(error.message(self.t), "bad")})

    @reported()
    def learn(self, session: TokenizerSession, *values: Any) -> Iterator[Any]:
        """Learn from the words anew."""
        session.training = None
        yield from self.show(session, *values)

    def split_a_token(self, session: TokenizerSession) -> str:
        """Ids for the field: the text's first tokens, one of them taken apart."""
        ids = tokenizer_sections.example_ids(session.segmentation, session.chosen, session.tokenizer)
        return " ".join(map(str, ids))

    def _replaying(self, session: TokenizerSession, place: int | None) -> Replaying | None:
        found = passages(session.segmentation.text, session.tokenizer)
        if found is None:
            return None
        before = session.replaying
        keeps = before is not None and place is None and before.tokenizer is session.tokenizer
        if before and place is None and not keeps and before.chosen is not None and before.passages:
            place = before.passages[min(before.chosen, len(before.passages) - 1)].word.start  # the same word, cut anew
        if place is None:
            chosen = before.chosen if before else 0
            chosen = None if chosen is None else min(chosen, max(0, len(found) - 1))
        elif session.tokenizer.algorithm == "sentencepiece_bpe":
            chosen = self._nearest(session, found, place)
        else:
            chosen = max((i for i, one in enumerate(found) if one.word.start <= place), default=0)
        return Replaying(session.tokenizer, found, chosen, before.step if before and keeps else None)

    def _nearest(self, session: TokenizerSession, found: Sequence[Any], place: int) -> int:
        """The passage at a character, where all of them share one word: by its tokens."""
        own = [token for token in session.segmentation.tokens if token.end > token.start or token.kind != "special"]
        index = next((i for i, token in enumerate(own) if token.start <= place < token.end), 0)
        return tokenizer_replay.nearest(list(found), index)

    def _replay(self, session: TokenizerSession, place: int | None) -> Channels:
        session.replaying = self._replaying(session, place)
        if session.replaying is None:
            return {
                "tokenizer.words": {"blocks": []},
                "tokenizer.replay.stepper": {"step": 0, "steps": 0},
                "tokenizer.replay.sentence": {"parts": [self.t("tokenizer.replay.unknown")]},
                "tokenizer.replay.rows": {"blocks": []},
            }
        return tokenizer_replay.replay(session.replaying, session.segmentation, self.t)

    def _train(self, session: TokenizerSession, words: str, size: float | None) -> Channels:
        if session.training is None:
            session.training = tokenizer_training.learn_from(words or "", size)
        return tokenizer_training.training(session.training, session.segmentation.text, self.t)

    def _side(self, session: TokenizerSession, at_hand: Sequence[str], others: str) -> Iterator[Channels]:
        wanted = list(dict.fromkeys([*at_hand, *(line.strip() for line in others.replace(",", "\n").splitlines())]))
        found: list[TextTokenizer] = []
        names: list[str] = []
        failed: list[str] = []
        for name in filter(None, wanted):
            try:
                tokenizer = self.shelf.at_once(name)
            except PlaygroundError as error:
                failed.append(error.message(self.t))
                continue
            found.append(tokenizer)
            names.append(self.name_of(name, tokenizer))
        yield tokenizer_sections.side_by_side(session.segmentation.text, found, names, failed, self.t)

    def name_of(self, name: str, tokenizer: TextTokenizer) -> str:
        return self.t(f"tokenizer.shipped.{name}") if name in SHIPPED else tokenizer.name

    def _round(self, session: TokenizerSession, typed: str) -> Iterator[Channels]:
        tokenizer = session.tokenizer
        there = round_trip(session.segmentation.text, tokenizer)
        ids = tokenizer_sections.read_ids(typed, tokenizer)
        found = retokenize(ids, tokenizer)
        channels = {
            "tokenizer.round.trip": {
                "parts": tokenizer_sections.there_and_back(there, self.t),
                "kind": "good" if there.is_exact else "bad",
            },
            **tokenizer_sections.retokenized(found, tokenizer, self.t),
        }
        yield {**channels, "tokenizer.round.likelihood": {"blocks": []}}
        if found.is_stable or not ids:
            return
        backend = self.slot.get() if self.is_loaded(session) else None
        if backend is None or not backend.can.scores:
            words = self.t("tokenizer.round.other")
            if backend is not None:
                words = self.t("error.cannot_score", name=backend.info.name)
            yield {
                "tokenizer.round.likelihood": {"blocks": [{"rows": [{"cells": [{"text": words, "kind": "plain"}]}]}]}
            }
            return
        chosen, read_as = (
            retokenization.log_likelihood(one, scorer(backend), tokenizer) for one in (found.ids, found.read_as)
        )
        table = tokenizer_sections.likelihoods(found, chosen, read_as, backend.info.name, NATS, self.t)
        yield {"tokenizer.round.likelihood": table}

    def is_loaded(self, session: TokenizerSession) -> bool:
        """Whether the tokenizer on show is the loaded model's: only then the model can say how likely its ids are."""
        try:
            return session.tokenizer.spelling == self.shelf.get(LOADED).spelling
        except PlaygroundError:
            return False

    def _batch(self, session: TokenizerSession, texts: str, side: str) -> Channels:
        tokenizer = session.tokenizer
        ends = sorted(tokenizer.vocabulary.special_ids)
        stand_in = ends[0] if ends else 0
        where: Any = "right" if side == "right" else "left"
        return tokenizer_sections.batch(texts, where, tokenizer, stand_in, self.t)
