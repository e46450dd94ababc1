"""Models that don't come with the page: the list, what lies in the Hub's cache, what somebody names."""

from pathlib import Path

from playground import settings
from playground.__main__ import on_shelf
from playground.engines.huggingface.hub import Hub
from playground.engines.known import known, named


def test_the_list_names_each_model_once_with_size_and_licence() -> None:
    entries = known(Hub())
    assert {"gpt2", "gpt2-xl", "distilgpt2", "SmolLM2-135M-Instruct", "Qwen3-0.6B"} <= {e.name for e in entries}
    assert len({e.name for e in entries}) == len({e.source for e in entries}) == len(entries)
    gpt2 = entries[0]
    assert (gpt2.note, gpt2.bytes, gpt2.licence, gpt2.language) == ("548 MB · MIT", 4 * 124439808, "mit", "en")
    assert all(e.group == "known" and e.source.count("/") == 1 and e.bytes for e in entries)


def test_what_somebody_names_is_a_folder_a_file_or_an_id(tmp_path: Path) -> None:
    assert named(f" {tmp_path} ", Hub()).source == str(tmp_path) and named(str(tmp_path), Hub()).shown == tmp_path.name
    assert named("model.gguf", Hub()).source == str(Path("model.gguf").absolute())
    for text, shown in (("gpt2", "gpt2"), ("a/b@v1", "b@v1")):
        entry = named(text, Hub())
        assert (entry.name, entry.source, entry.shown, entry.group) == (text, text, shown, "own")


def test_the_shelf_has_the_shipped_ones_first_and_the_one_that_was_named_before_them() -> None:
    names = [entry.name for entry in on_shelf(settings.Settings()).entries]
    assert names[:4] == ["storyteller", "poet", "detective", "gpt2"]
    shelf = on_shelf(settings.Settings(model="somebody/tales@v1"))
    assert shelf.first_name == "tales@v1" and shelf.entry().source == "somebody/tales@v1"
