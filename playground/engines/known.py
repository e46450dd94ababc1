"""Models that don't come with the page: known ones, those in this machine's Hub cache, any that somebody names."""

import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from playground import settings
from playground.engines.huggingface.hub import Hub, size
from playground.engines.huggingface.model_files import is_folder
from playground.engines.loading import shown_name
from playground.engines.shelf import Entry, Group

_LICENCES = {"mit": "MIT", "apache-2.0": "Apache-2.0"}


def known(hub: Hub) -> tuple[Entry, ...]:
    """The list that comes with the page: fetched from the Hub when they are first asked for."""
    rows = yaml.safe_load((settings.ASSETS / "known_models.yaml").read_text(encoding="utf-8"))
    return tuple(
        of_hub(
            hub, row["id"], name=row["name"], group="known", language=row["language"], licence=row["licence"],
            bytes_=4 * row["parameters"],
            note=" · ".join(filter(None, (size(row["bytes"]), _LICENCES.get(row["licence"])))),
        )
        for row in rows
    )  # fmt: skip


def cached(hub: Hub) -> Iterator[Entry]:
    """The decoders that are whole in the Hub's cache of this machine. Reads the cache: may take its time."""
    for repository, bytes_ in hub.models():
        yield of_hub(hub, repository, group="cached", note=size(bytes_))


def named(text: str, hub: Hub) -> Entry:
    """The model that somebody means: a folder, a .gguf file, or an id of the Hub, `id@revision` too."""
    text = os.path.expanduser(text.strip())
    if text.lower().endswith(".gguf") or is_folder(text):
        place = str(Path(text).absolute())
        return Entry(place, place, title=shown_name(place))
    repository, _, revision = text.partition("@")
    return of_hub(hub, repository, revision or None)


def of_hub(
    hub: Hub, repository: str, revision: str | None = None, name: str = "", group: Group = "own", language: str = "",
    licence: str | None = None, bytes_: int = 0, note: str = "",
) -> Entry:  # fmt: skip
    """A model of the Hub, by its name, or by its id and revision."""
    source = f"{repository}@{revision}" if revision else repository
    return Entry(
        name or source, source, title=name or shown_name(source), group=group, language=language, licence=licence,
        bytes=bytes_, fetch=lambda progress: hub.fetch(repository, revision, progress), note=note,
        is_kept=lambda: hub.kept(repository, revision) is not None,
    )  # fmt: skip
