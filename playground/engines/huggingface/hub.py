"""Models of the Hub: looked at before anything large is fetched, refused with the reason, brought file by file."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CacheNotFound, HfApi, ModelInfo, constants, hf_hub_download, scan_cache_dir
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from playground.engines.huggingface.model_files import first_line
from playground.engines.loading import Progress
from playground.errors import ModelUnavailableError, PlaygroundError
from playground.i18n import Said, say

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_MAIN = "main"
_NAMES = (
    CONFIG, "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "merges.txt", "chat_template.jinja", "chat_template.json", "README.md",
)  # fmt: skip
_KINDS = ("vocab.", "spiece.", "tokenizer.model", "sentencepiece.")  # of a tokenizer's file, by its beginning
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_BYTES_OF = {"float64": 8, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1}


@dataclass(frozen=True)
class Found:
    """What a repository holds: `sizes` of the files at its root, in bytes, and the commit that they are of."""

    repository: str
    commit: str
    sizes: Mapping[str, int]
    parameters: int

    @property
    def others(self) -> list[str]:
        """All that a model needs besides its weights, of what is there."""
        return [name for name in self.sizes if name in _NAMES or name.startswith(_KINDS)]


@dataclass(frozen=True)
class Hub:
    """Where models come from and are kept.

    Attributes:
        most: the bytes that a model may take in float32; None for no limit.
        endpoint, cache: address of the Hub and folder of its files here; None: huggingface_hub's own.
    """

    most: int | None = None
    endpoint: str | None = None
    cache: str | None = None

    def fetch(self, repository: str, revision: str | None, progress: Progress) -> Path:
        """Bring what is missing of a model, and say in which folder it lies. `progress` tells the bytes that are here,
        of how many, and what the model will take. Without a network: what is here, if that is all of it.

        Raises ModelUnavailableError with the reason, before any weight is fetched where that can be known, and
        CalledOffError.
        """
        try:
            found = self._look(repository, revision)
            weights = self._weights(found)
            self._check(found, weights, progress)
            return self._bring(found, revision, [*found.others, *weights], progress)
        except PlaygroundError:
            raise
        except Exception as error:
            here = self.kept(repository, revision) if _is_elsewhere(error) else None
            if here is not None:
                return here
            reason = self._reason(error, revision)
            raise ModelUnavailableError(name=_named(repository, revision), reason=reason) from error

    def _look(self, repository: str, revision: str | None) -> Found:
        """Raises what huggingface_hub raises."""
        api = HfApi(endpoint=self.endpoint)
        info: ModelInfo = api.model_info(repository, revision=revision, files_metadata=True)
        sizes = {one.rfilename: one.size or 0 for one in info.siblings or () if "/" not in one.rfilename}
        return Found(repository, str(info.sha), sizes, info.safetensors.total if info.safetensors else 0)

    def _weights(self, found: Found) -> list[str]:
        """The files of the weights. Raises ModelUnavailableError where there are none that this page would fetch."""
        if CONFIG not in found.sizes:
            if "adapter_config.json" in found.sizes:
                raise refused(found.repository, say("hub.adapter"))
            key = "hub.gguf" if any(name.endswith(".gguf") for name in found.sizes) else "hub.no_config"
            raise refused(found.repository, say(key))  # i18n: hub.gguf hub.no_config
        if WEIGHTS in found.sizes:
            return [WEIGHTS]
        if INDEX in found.sizes:
            index = json.loads(Path(self._file(found, INDEX, None)).read_text(encoding="utf-8"))
            named = sorted(set(index["weight_map"].values()))
            if all(name.endswith(".safetensors") for name in named):
                return [INDEX, *named]
        pickled = [name for name in found.sizes if name.endswith(_PICKLED) and not name.startswith("training_args")]
        if pickled:
            raise refused(found.repository, say("hub.pickled", file=pickled[0]))
        raise refused(found.repository, say("hub.no_weights"))

    def _check(self, found: Found, weights: list[str], progress: Progress) -> None:
        """Whether the model fits in this machine. Raises ModelUnavailableError."""
        config = json.loads(Path(self._file(found, CONFIG, None)).read_text(encoding="utf-8"))
        if config.get("is_encoder_decoder"):
            held = ", ".join(config.get("architectures") or [str(config.get("model_type"))])
            raise refused(found.repository, say("unfit.encoder_decoder", held=held))
        stored = sum(found.sizes.get(name, 0) for name in weights)
        width = _BYTES_OF.get(str(config.get("torch_dtype") or config.get("dtype")), 4)
        wanted = 4 * found.parameters or 4 * stored // width
        progress.takes = wanted
        if self.most is not None and wanted > self.most:
            values = {"wanted": size(wanted), "most": size(self.most)}
            raise refused(found.repository, say("hub.too_large", **values))
        missing = sum(found.sizes.get(name, 0) for name in weights if not (self._folder(found) / name).exists())
        free = shutil.disk_usage(_existing(self._cache)).free
        if missing > free:
            raise refused(found.repository, say("hub.no_disk", wanted=size(missing), free=size(free)))

    def _bring(self, found: Found, revision: str | None, names: list[str], progress: Progress) -> Path:
        folder = self._folder(found)
        here = {name for name in names if (folder / name).exists()}
        progress.total = sum(found.sizes.get(name, 0) for name in names)
        progress.done = sum(found.sizes.get(name, 0) for name in here)
        for name in names:
            progress.go_on()
            if name not in here:
                self._file(found, name, progress)
        if revision != found.commit and self.kept(found.repository, revision) != folder:  # so that a branch or tag is
            hf_hub_download(  # known without a network, too
                found.repository, CONFIG, revision=revision or _MAIN, cache_dir=self.cache, endpoint=self.endpoint
            )
        return folder

    def _file(self, found: Found, name: str, progress: Progress | None) -> str:
        return hf_hub_download(
            found.repository, name, revision=found.commit, cache_dir=self.cache, endpoint=self.endpoint,
            tqdm_class=_told_to(progress or Progress()),
        )  # fmt: skip

    # ---- what is here

    @property
    def _cache(self) -> Path:
        return Path(self.cache or constants.HF_HUB_CACHE)

    def _repository(self, repository: str) -> Path:
        return self._cache / f"models--{repository.replace('/', '--')}"

    def _folder(self, found: Found) -> Path:
        return self._repository(found.repository) / "snapshots" / found.commit

    def kept(self, repository: str, revision: str | None = None) -> Path | None:
        """The folder of a model that is here with all its weights; None where it is not."""
        folder = self._repository(repository)
        ref = folder / "refs" / (revision or _MAIN)
        commit = ref.read_text(encoding="ascii").strip() if ref.is_file() else revision
        snapshot = folder / "snapshots" / commit if commit else None
        return snapshot if snapshot is not None and is_whole(snapshot) else None

    def models(self) -> Iterator[tuple[str, int]]:
        """The decoders that are here whole, by their ids, with the size of their files."""
        try:
            scanned = scan_cache_dir(self._cache)
        except (CacheNotFound, ValueError, OSError):
            return
        for one in sorted(scanned.repos, key=lambda repo: repo.repo_id.lower()):
            folder = self.kept(one.repo_id) if one.repo_type == "model" else None
            if folder is not None and _is_decoder(folder):
                yield one.repo_id, one.size_on_disk

    # ---- what went wrong

    def _reason(self, error: Exception, revision: str | None) -> Said | str:
        if isinstance(error, GatedRepoError):
            return say("hub.gated")
        if isinstance(error, RevisionNotFoundError):
            return say("hub.no_revision", revision=revision or _MAIN)
        if isinstance(error, RepositoryNotFoundError):
            return say("hub.not_found")
        if isinstance(error, HFValidationError):
            return say("hub.no_id")
        if isinstance(error, HfHubHTTPError):
            status = error.response.status_code
            return say("hub.denied") if status in (401, 403) else say("hub.status", status=status)
        if _is_elsewhere(error):
            return say("hub.no_network", endpoint=self.endpoint or constants.ENDPOINT)
        return say("hub.broken", error=first_line(error))


def refused(name: str, reason: Said) -> ModelUnavailableError:
    return ModelUnavailableError(name=name, reason=reason)


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a configuration and all its weights, as safetensors or not."""
    if not (folder / CONFIG).is_file():
        return False
    for index in (folder / INDEX, folder / "pytorch_model.bin.index.json"):
        if index.is_file():
            try:
                named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            except (OSError, ValueError, KeyError, AttributeError):
                return False
            return all((folder / name).is_file() for name in named)
    return (folder / WEIGHTS).is_file() or (folder / "pytorch_model.bin").is_file()


def size(number: float) -> str:
    """A number of bytes: "548 MB", "1.52 GB"."""
    for unit, each in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= each:
            return f"{number / each:.3g} {unit}" if number < 999.5 * each else f"{number / each:,.0f} {unit}"
    return f"{number:.0f} B"


def _is_decoder(folder: Path) -> bool:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    held = config.get("architectures") or [] if isinstance(config, dict) else []
    return any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in held)


def _is_elsewhere(error: Exception) -> bool:
    """Whether the Hub was not reached: no network, no such address, no answer."""
    if isinstance(error, OfflineModeIsEnabled | LocalEntryNotFoundError | ConnectionError | TimeoutError):
        return True
    return any(one.__name__ == "TransportError" for one in type(error).__mro__)  # httpx's, whatever its package


def _named(repository: str, revision: str | None) -> str:
    return f"{repository}@{revision}" if revision else repository


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.absolute().parents) if one.exists())


def _told_to(progress: Progress) -> Any:
    """What huggingface_hub tells how many bytes more are here: a class in the place of tqdm's."""

    class Told:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            progress.go_on()

        def __enter__(self) -> "Told":
            return self

        def __exit__(self, *error: object) -> None:
            return None

        def update(self, count: float | None = 1) -> None:
            progress.done += int(count or 0)
            progress.go_on()

        def close(self) -> None:
            return None

    return Told
