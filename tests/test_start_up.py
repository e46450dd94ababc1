"""The start: handlers that are called before the model is there wait for it, and disturb nobody's imports."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from playground.runs import late

ROOT = Path(__file__).resolve().parent.parent


def test_calls_from_the_first_answered_request_on_are_answered() -> None:
    """With an import of transformers that is slow: two threads that import it at once leave one of them without it."""
    done = subprocess.run(
        [sys.executable, "tests/start_up.py"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert len(answers) == 9
    assert [answer for answer in answers if answer[1] != "complete"] == []
    assert "Traceback" not in done.stderr


def late_imports(file: Path) -> list[int]:
    """The lines of a file that import something when a function is called."""
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    inner = [node for function in functions for node in ast.walk(function)]
    return [node.lineno for node in inner if isinstance(node, (ast.Import, ast.ImportFrom))]


@pytest.mark.parametrize("folder", ["tabs", "api", "panels", "engines", "runs", "components", "views"])
def test_nothing_is_imported_by_a_handler(folder: str) -> None:
    files = {file.name: late_imports(file) for file in (ROOT / "playground" / folder).rglob("*.py")}
    found = {name: lines for name, lines in files.items() if lines}
    optional = {"qr.py"}  # a small package of its own, which may be absent
    loads = {"loading.py", "shelf.py", "adapted.py", "gguf_file.py", "backend.py"}  # the thread that loads a model
    assert set(found) <= loads | optional


def test_what_comes_late_is_there_for_whoever_asks_first() -> None:
    script = (
        "import sys\nfrom playground.runs import late\nassert 'transformers' not in sys.modules\n"
        "assert late.verification.TOLERANCE and late.inspection.Inspection and 'transformers' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError):
        late.no_such_module  # noqa: B018
