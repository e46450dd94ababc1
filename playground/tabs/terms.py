"""The words of the field that the page explains where they stand."""

from playground.components.terms import Term
from playground.i18n import Translator
from playground.views.notation import UNITS

# Where its number stands beside each word; where on the page it has this meaning.
_WORDS = {
    "surprisal": ("after", ""), "entropy": ("after", ""), "rank": ("after", "#generate, #compare"),
    "nats": ("before", ""), "bits": ("before", ""), "logits": ("", ""), "mass": ("", ""), "space": ("", ""),
}  # fmt: skip


def all_terms(t: Translator) -> list[Term]:
    """In the language of `t`; a unit is written as in Latin letters too."""
    return [
        Term(name, (t(f"term.{name}.words"), *([name] if name in UNITS else [])), t(f"term.{name}"), *where)
        for name, where in _WORDS.items()
    ]
