"""What may stand on either side of Two models: any model of the shelf, and which two stand there at first."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from playground.engines.shelf import Entry, Shelf, split
from playground.i18n import Translator
from playground.tabs.picker import titles

OFF = "*0"  # behind an adapter's name: its base alone


class Sides(NamedTuple):
    """The names of two models of the shelf."""

    first: str
    second: str


def choices(shelf: Shelf, t: Translator) -> list[tuple[str, str]]:
    """What either side offers: the shelf; and the base of an adapter, where it isn't there by itself."""
    alone = [entry for entry in shelf.entries if entry.has_adapter and base_on(shelf, entry).endswith(OFF)]
    return [*titles(shelf), *((t("lockstep.base_of", name=entry.shown), f"{entry.name}{OFF}") for entry in alone)]


def at_first(shelf: Shelf, name: str) -> Sides:
    """An adapter stands beside its base; a model beside an adapter of it, somebody's own rather than
    ours, where the shelf has one; else beside another that is on this machine, those first that come with the page."""
    own = split(name)[0]
    entry = shelf.entry(own)
    if entry.has_adapter:
        return Sides(base_on(shelf, entry), own)
    others = [one for one in shelf.entries if one.name != own]
    adapters = sorted((one for one in others if one.has_adapter), key=lambda one: one.group != "own")
    adapter = next((one.name for one in adapters if base_on(shelf, one) == own), None)
    near = sorted((one for one in others if one.is_kept()), key=lambda one: one.group != "shipped")
    return Sides(own, adapter or next((one.name for one in near), own))


def base_on(shelf: Shelf, adapter: Entry) -> str:
    """The name by which the base of an adapter is on the shelf; "name*0", the adapter switched off, where it isn't."""
    if adapter.base:
        return adapter.base
    folder = Path(adapter.source).expanduser()
    try:
        named = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        return adapter.name + OFF  # loading it says what is wrong
    places = {os.path.realpath(parent / str(named)) for parent in (Path(), *folder.resolve().parents)}
    found = (
        one.name
        for one in shelf.entries
        if one.source == named or os.path.realpath(os.path.expanduser(one.source)) in places
    )
    return next(found, adapter.name + OFF)
