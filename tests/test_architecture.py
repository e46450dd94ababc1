"""The shape of the program: who imports whom, what an import costs, what the repository may hold."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after a statement."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = run(sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_imports_point_one_way() -> None:
    """The contracts of import-linter in pyproject.toml."""
    script = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    done = run(sys.executable, "-c", script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 broken" in done.stdout


def test_importing_the_package_costs_nothing() -> None:
    assert modules_after("import playground").isdisjoint({"torch", "transformers", "gradio", "plotly", "numpy"})


def test_the_ideas_and_the_engine_need_neither_a_page_nor_transformers() -> None:
    loaded = modules_after(
        "import playground.decoding, playground.decoding.sampling, playground.decoding.trace\n"
        "import playground.catalog, playground.engine"
    )
    assert "torch" in loaded
    assert loaded.isdisjoint({"transformers", "gradio", "plotly"})


def test_the_backend_and_the_verification_need_no_page() -> None:
    loaded = modules_after("import playground.runs.verification.generate")
    assert "transformers" in loaded
    assert loaded.isdisjoint({"gradio", "plotly"})


def test_the_page_is_there_before_transformers() -> None:
    """Only the thread that loads a model imports it (playground/runs/late.py): two seconds for which nobody waits."""
    assert modules_after("import playground.__main__").isdisjoint({"transformers", "sympy", "accelerate", "peft"})


def test_settings_errors_and_texts_need_the_standard_library_only() -> None:
    loaded = modules_after("import playground.settings, playground.errors, playground.i18n, playground.vocabulary")
    assert loaded.isdisjoint({"torch", "transformers", "gradio", "plotly", "numpy"})


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_file_of_the_repository_is_larger_than_nine_and_a_half_megabytes() -> None:
    """Hugging Face Spaces refuses files of 10 MB that are not in LFS; a clone must not need it."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    assert listed.returncode == 0, listed.stderr
    names = [name for name in listed.stdout.split("\0") if name]
    assert "pyproject.toml" in names
    sizes = {name: (ROOT / name).stat().st_size for name in names if (ROOT / name).is_file()}
    assert {name: size for name, size in sizes.items() if size > 9_500_000} == {}
