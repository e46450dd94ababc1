"""Runs a notebook in a kernel, as Jupyter does, and asks the page that it shows: in a process of its own."""

import json
import re
import sys
import urllib.request
from pathlib import Path

import nbclient
import nbformat


def main(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}})
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        html = [output.data["text/html"] for output in outputs if "data" in output]
        printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
        (url,) = re.findall(r'<iframe src="(http://127\.0\.0\.1:\d+/)"', html[-1])
        with urllib.request.urlopen(url, timeout=60) as answer:
            page = answer.read().decode()
    print(json.dumps({"html": html, "printed": printed, "answered": "data-languages" in page}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
