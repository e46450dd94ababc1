"""A pseudo-language: every text of English in brackets and longer by 40 %, to see what of the page is not translated,
and what has no room for a longer language. Writes <folder>/x-long.json; playground.i18n.FOLDERS finds it there."""

import argparse
import json
import re
from pathlib import Path

from playground.i18n import catalogue, parse

CODE = "x-long"
NAME = "Pseudo"
LONGER = 0.4
WORD = 7  # letters of what is added, and a space
# what is no sentence: read by a program, or typed as an example
AS_IT_IS = re.compile(r"parameter\..*\.words|tokenizer\.example\..*\.text|tokenizer\.(train|batch)\.example")


def stretched(text: str) -> str:
    """Example: "Run" -> "⟦Run~~⟧"."""
    plain = "".join(part for part in parse(text) if isinstance(part, str))
    more = round(LONGER * len(plain)) - 2
    return f"⟦{text}{''.join(' ' if i % WORD == 0 else '~' for i in range(1, more + 1)) or '~'}⟧"


def pseudo() -> dict[str, str]:
    """The catalogue of the language."""
    texts = {key: text if AS_IT_IS.fullmatch(key) else stretched(text) for key, text in catalogue("en").items()}
    return texts | {"page.language": NAME}


def write(folder: Path) -> Path:
    """Returns the path of the catalogue."""
    path = folder / f"{CODE}.json"
    path.write_text(json.dumps(pseudo(), ensure_ascii=False, indent=2), encoding="utf-8")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the pseudo-language's catalogue into a folder.")
    parser.add_argument("folder", type=Path)
    print(write(parser.parse_args().folder))
