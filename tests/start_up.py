"""A page in a process of its own, whose late imports are slow, called from its first answered request on."""

import contextlib
import importlib.machinery
import json
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

CALLS: dict[str, list[Any]] = {
    "attention": ["The old king", 0, 0, ""],
    "logit_lens": ["The old king", "storyteller"],
    "tokenize": ["The old king", "assets/models/storyteller"],
}
ROUNDS = 3
under_way = threading.Event()  # every call waits for its answer


class SlowFinder:
    """Finds what the usual finder finds, and lets the import of transformers take until all calls are under way."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name != "transformers":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader)
        loader = spec.loader
        usual = loader.exec_module

        def exec_module(module: Any) -> None:
            under_way.wait(100)  # the module is in sys.modules already, and empty
            usual(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def call(url: str, name: str, data: list[Any]) -> str:
    """The event that the endpoint ended with, and what it said where it failed."""
    asked = urllib.request.Request(
        f"{url}/gradio_api/call/{name}", json.dumps({"data": data}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=100) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/{name}/{event}", timeout=100) as answer:
        lines = answer.read().decode().splitlines()
    return "complete" if "event: complete" in lines else " ".join(lines)[:300]


def main() -> None:
    sys.meta_path.insert(0, SlowFinder)  # type: ignore[arg-type]
    from gradio import networking

    import app  # noqa: F401  # sets the environment, as a start from the command line does
    from playground import settings
    from playground.engines.loading import ModelSlot
    from playground.runs import late
    from playground.tabs import page

    networking.url_ok = lambda url: False  # as where the machine is so busy that the page's first answer takes over 3 s

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, answers, threads = f"http://127.0.0.1:{port}", [], []
    options = settings.Settings(port=port)

    def ask_at_once() -> None:
        while True:
            with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url, timeout=100):
                break
            time.sleep(0.01)
        for _ in range(ROUNDS):
            for name, data in CALLS.items():
                one = threading.Thread(
                    target=lambda name=name, data=data: answers.append([name, call(url, name, data)])
                )
                one.start()
                threads.append(one)
        time.sleep(0.5)  # until their handlers run
        under_way.set()

    asker = threading.Thread(target=ask_at_once)
    asker.start()
    slot = ModelSlot(options.model, options.model_name, options.public_model).start(late.load)
    page.launch(page.build(slot), options, prevent_thread_lock=True, quiet=True)
    asker.join(100)
    for thread in threads:
        thread.join(100)
    print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
