"""A pseudo-language beside English, for as long as a test or a server lives."""

from collections.abc import Iterator

import pseudo_language
import pytest

from playground import i18n


@pytest.fixture(scope="module")
def long_language(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its code. Every text of it is that of English in brackets, and longer."""
    folder = tmp_path_factory.mktemp("catalogues")
    pseudo_language.write(folder)
    i18n.FOLDERS.append(folder)
    yield pseudo_language.CODE
    i18n.FOLDERS.remove(folder)
    i18n.catalogue.cache_clear()
    i18n.translator.cache_clear()
