"""What one visitor has drawn: a cloud of texts a lane, a sweep's clouds, what is read of them, and thumbs."""

from dataclasses import dataclass, replace

from playground.decoding.clouds import Sample, sample_bytes
from playground.decoding.dialogue import Dialogue, Prompt, plain
from playground.decoding.distribution import Floats
from playground.decoding.trace import GenerationRequest
from playground.i18n import Said
from playground.runs.setup import Setup
from playground.tabs.visitor import Running
from playground.views.likelihood_trap import Rated, Votes
from playground.views.plane import CloudView

AXES = ("self_bleu", "edit_distance", "distinct_2")  # of diversity, as a person chooses


@dataclass(frozen=True)
class Drawn:
    """The texts of one lane, or of one value of a sweep.

    Attributes:
        key: of the lane; below 0 that of a value of the sweep.
        name: of a value of the sweep; a lane's own name counts for it.
        setup: what they were drawn with, the seed of the first text included.
        view: of as many of the samples as it says itself.
    """

    key: int
    name: str | Said
    setup: Setup
    request: GenerationRequest
    samples: tuple[Sample, ...] = ()
    wanted: int = 0
    view: CloudView | None = None

    @property
    def bytes(self) -> int:
        return self.wanted * sample_bytes(self.request.max_new_tokens)


@dataclass(frozen=True)
class Law:
    """The exact probabilities (V,) of the token at `place` (from 0) after the tokens `before` of a lane's texts; None
    where it does not draw."""

    key: int
    setup: Setup
    place: int
    number: int
    before: tuple[int, ...]
    probabilities: Floats | None


class CloudSession(Running):
    """All clouds of one visitor. A run of its own: lanes may be written meanwhile.

    Attributes:
        drawn: by key, in the order of the page, those of a sweep last.
        prompt, prompt_ids, model_name: what they go on from, and who wrote them.
        axis: the measure of diversity on show, one of AXES.
        lane: the key of the lane whose histogram is on show, and that a sweep starts from; None: the first that draws.
        place: which token of the texts the histogram counts, from 0.
        reading: key and number of the text that is read.
        is_blind: whether it is read to be rated, without being told whose it is.
        votes: by (key, token ids).
        law: of the histogram on show.
        knob: the knob that was swept last.
        badges: by key, the samples that were compared with runs of their own seeds, and what that found.
    """

    def __init__(self) -> None:
        super().__init__()
        self.drawn: dict[int, Drawn] = {}
        self.prompt: Prompt = ""
        self.prompt_ids: tuple[int, ...] = ()
        self.model_name = ""
        self.axis = AXES[0]
        self.lane: int | None = None
        self.place = 0
        self.reading: tuple[int, int] | None = None
        self.is_blind = False
        self.votes: dict[tuple[int, tuple[int, ...]], Votes] = {}
        self.law: Law | None = None
        self.knob = ""
        self.badges: dict[int, tuple[tuple[Sample, ...], dict[str, str]]] = {}

    def clear(self) -> None:
        """No clouds any more."""
        self.stop()
        self.drawn, self.reading, self.is_blind, self.law, self.votes = {}, None, False, None, {}
        self.lane, self.place, self.knob, self.badges = None, 0, "", {}

    def keep(self, keys: set[int]) -> None:
        """Forget the clouds of lanes that are gone."""
        self.drawn = {key: one for key, one in self.drawn.items() if key in keys or key < 0}

    def take(self, run: int, key: int, samples: tuple[Sample, ...], view: CloudView | None) -> bool:
        """Put what run number `run` has drawn into the cloud, unless that run is over or the lane gone: then say no."""
        with self._lock:
            if not self.is_current(run):
                return False
            if key in self.drawn:
                old = self.drawn[key]
                self.drawn = {**self.drawn, key: replace(old, samples=samples, view=view or old.view)}
            return True

    def badge(self, key: int) -> dict[str, str] | None:
        """Of a cloud as it is; none where texts have come to it, or gone, since."""
        found, drawn = self.badges.get(key), self.drawn.get(key)
        return found[1] if found and drawn and found[0] is drawn.samples else None

    @property
    def dialogue(self) -> Dialogue | None:
        """The turns that the texts go on from."""
        return self.prompt if isinstance(self.prompt, Dialogue) else None

    def lead(self, most: int) -> str:
        """So many characters at most of what the texts go on from, the last ones; of turns, of their plain text."""
        text = plain(self.prompt)
        return text if len(text) <= most else "…" + text[-most:]

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.drawn.values())

    def sample(self, reading: tuple[int, int] | None) -> Sample | None:
        found = self.drawn.get(reading[0]) if reading else None
        return found.samples[reading[1]] if reading and found and 0 <= reading[1] < len(found.samples) else None

    def rated(self) -> list[Rated]:
        """The texts with a thumb, each once."""
        found = []
        for key, one in self.drawn.items():
            seen = set()
            for dot in one.view.dots if one.view else ():
                ids = one.samples[dot.number].token_ids
                if ids not in seen and (votes := self.votes.get((key, ids))):
                    found.append(Rated(key, dot.number, dot.mean_logprob, votes))
                seen.add(ids)
        return found

    def unrated(self) -> list[tuple[int, int, float]]:
        """(key, number, mean log-probability) of the texts without a thumb, each once."""
        found = []
        for key, one in self.drawn.items():
            seen = set()
            for dot in one.view.dots if one.view else ():
                ids = one.samples[dot.number].token_ids
                if ids not in seen and (key, ids) not in self.votes:
                    found.append((key, dot.number, dot.mean_logprob))
                seen.add(ids)
        return found
