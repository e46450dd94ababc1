"""The likelihood trap: thumbs up of a class, by how probable a text is under the model."""

from collections.abc import Mapping, Sequence

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, nothing, rounded, titled
from playground.views.likelihood_trap import LaneRating, Rated
from playground.views.notation import percent, significant


def trap_figure(
    rated: Sequence[Rated], lanes: Sequence[LaneRating], names: Mapping[int, tuple[str, str]], t: Translator
) -> Figure:
    """`names`: (name, colour) of each lane by key. A small dot a text, a large one a lane. customdata is [key, number]
    of a text."""
    if not rated:
        return nothing(t("compare.trap.empty"))
    xs = [one.mean_logprob for one in rated]
    pad = max(0.15, 0.08 * (max(xs) - min(xs)))
    said = [
        t("compare.trap.said", name=names[one.key][0], share=percent(one.votes.share), votes=one.votes.count,
          quality=significant(one.mean_logprob))
        for one in lanes
    ]  # fmt: skip
    texts = {
        "type": "scatter", "mode": "markers", "meta": "points", "x": rounded(xs),
        "y": rounded(one.votes.share for one in rated), "customdata": [[one.key, one.number] for one in rated],
        "text": [
            t("compare.trap.hover", name=literal(names[one.key][0], 24), up=one.votes.up, down=one.votes.down,
              quality=significant(one.mean_logprob))
            for one in rated
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": [colour(names[one.key][1]) for one in rated], "size": 10, "opacity": 0.6},
    }  # fmt: skip
    means = {
        "type": "scatter", "mode": "markers+text", "x": rounded(one.mean_logprob for one in lanes),
        "y": rounded(one.votes.share for one in lanes), "text": [str(one.votes.count) for one in lanes],
        "textfont": {"size": 12, "color": colour("ink")}, "textposition": "top center",
        "hovertext": [literal(words, 120) for words in said], "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "color": [colour(names[one.key][1]) for one in lanes], "size": 17,
            "line": {"color": colour("panel"), "width": 2},
        },
    }  # fmt: skip
    return {
        "data": [texts, means],
        "layout": layout(
            dragmode=False,
            margin={"l": 52, "r": 14, "t": 8, "b": 42},
            xaxis=titled(t("compare.plane.quality"), range=[min(xs) - pad, max(xs) + pad], fixedrange=True),
            yaxis=titled(t("compare.trap.axis"), range=[-0.1, 1.18], fixedrange=True, tickformat=".0%", nticks=5),
        ),
        "label": t("compare.trap.label", lanes="; ".join(said)),
    }
