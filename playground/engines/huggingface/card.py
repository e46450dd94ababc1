"""What a model's card says that its weights don't: the licence."""

from pathlib import Path

import yaml
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from huggingface_hub.repocard import metadata_load

from playground.engines.huggingface.model_files import is_folder

CARD = "README.md"


def licence(name_or_path: str) -> str | None:
    """The licence that the card of a folder or Hub id names, such as "apache-2.0"; None where there is no card here
    (nothing is fetched), or it names none."""
    path = _card(name_or_path)
    try:
        said = metadata_load(path) if path else None
    except (OSError, ValueError, yaml.YAMLError):  # somebody else's file, which nothing but this depends on
        return None
    named = (said or {}).get("license")
    if named == "other":
        named = (said or {}).get("license_name") or named
    return named if isinstance(named, str) and named else None


def _card(name_or_path: str) -> Path | None:
    if is_folder(name_or_path):
        return Path(name_or_path).expanduser() / CARD
    try:
        cached = try_to_load_from_cache(name_or_path, CARD)
    except HFValidationError:
        return None
    return Path(cached) if isinstance(cached, str) else None
