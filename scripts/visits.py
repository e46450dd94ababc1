"""Scripted visits: what eighteen visitors see of the page and programs of its endpoints, recorded and compared later.

    python scripts/visits.py record BEFORE.json       serves this checkout, visits it, writes what it saw
    python scripts/visits.py compare BEFORE.json      visits this checkout now, and says what is not as it was

A visit talks to the server as the page does (events by element id, over HTTP), so it knows nothing of the code: it is
the guard of a change that must change nothing. After every action the newest payload of every channel is kept: texts
must be equal but for measured times, numbers within 1e-6 of each other, relative to the larger one or to 1.
"""

import argparse
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from gradio_client.utils import apply_diff

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 1e-6
MEASURED = re.compile(r"[\d.,]+ (ms|s|times)\b")
Seen = dict[str, Any]


class Visit:
    """One visitor: the values of the page's components, and what the buses brought last."""

    def __init__(self, address: str, name: str, headers: Mapping[str, str] | None = None) -> None:
        self.http = httpx.Client(base_url=address, timeout=120, headers=headers)
        config = self.http.get("/config").raise_for_status().json()
        self.session, self.name = f"visit-{name}", name
        self.dependencies = {d["id"]: d for d in config["dependencies"]}
        self.components = {c["id"]: c for c in config["components"]}
        self.values = {i: c["props"].get("value") for i, c in self.components.items()}
        self.ids = {c["props"]["elem_id"]: i for i, c in self.components.items() if c["props"].get("elem_id")}
        self.labels = {
            c["props"]["value"]: i for i, c in self.components.items() if c["type"] == "button" and c["props"]["value"]
        }
        self.channels: Seen = {}
        self.seen: list[Seen] = []
        self.looks = 0
        for value in self.values.values():
            self._watch(value)
        self._keep("opened")

    def do(self, element: str, event: str, data: Any = None, **fields: Any) -> "Visit":
        """Set fields (by element id, "_" for "-") and trigger an event of an element (its id, or a button's label)."""
        for field, value in fields.items():
            self.values[self.ids[field if field in self.ids else field.replace("_", "-")]] = value
        component = self.ids.get(element, self.labels.get(element))
        if component is None:
            raise SystemExit(f"{self.name}: no element or button {element!r}")
        self.channels.pop("ERROR", None)
        found = [d for d in self.dependencies.values() if [component, event] in d["targets"]]
        if not found:
            raise SystemExit(f"{self.name}: nothing listens to {event!r} of {element!r}")
        for dependency in found:
            self._chain(dependency, data)
        self._keep(f"{element}.{event}" + (f" {json.dumps(data)}" if data is not None else ""))
        return self

    def look(self, gaze: str, picked: Any) -> "Visit":
        """Look at something, as the page says it: by the value of a Gaze."""
        self.looks += 1
        element = f"gaze-{gaze}"
        return self.do(element, "input", **{element: json.dumps({"at": self.looks, "picked": picked})})

    def load(self) -> "Visit":
        """What the page asks for when it opens."""
        for dependency in list(self.dependencies.values()):
            if any(target[1] == "load" for target in dependency["targets"]):
                self._chain(dependency, None)
        self._keep("load")
        return self

    def ask(self, endpoint: str, *arguments: Any, **named: Any) -> "Visit":
        """Call an endpoint; the answer, or its last one, or the error."""
        dependency = next(d for d in self.dependencies.values() if d["api_name"] == endpoint)
        info = self.http.get("/gradio_api/info").json()["named_endpoints"][f"/{endpoint}"]["parameters"]
        data = [p.get("parameter_default") for p in info]
        data[: len(arguments)] = arguments
        for key, value in named.items():
            data[[p["parameter_name"] for p in info].index(key)] = value
        outputs, error = self._queued(dependency, data, None)
        self.seen.append({"action": f"/{endpoint} {arguments} {named}", "answer": outputs[-1:], "error": error})
        return self

    def _chain(self, dependency: Mapping[str, Any], data: Any) -> None:
        if dependency["backend_fn"]:
            inputs = [self._value(i) for i in dependency["inputs"]]
            outputs, error = self._queued(dependency, inputs, data)
            for row in outputs:
                for component, value in zip(dependency["outputs"], row, strict=False):
                    self._put(component, value)
            if error:
                self.channels["ERROR"] = error
                return
        for then in self.dependencies.values():
            if then["trigger_after"] == dependency["id"]:
                self._chain(then, None)

    def _value(self, component: int) -> Any:
        return None if self.components[component]["type"] == "state" else self.values[component]

    def _put(self, component: int, value: Any) -> None:
        if isinstance(value, dict) and value.get("__type__") == "update":
            if "value" in value:
                self.values[component] = value["value"]
            self.channels[f"update {component_name(self.components[component])}"] = {
                k: v for k, v in value.items() if k != "__type__"
            }
            return
        self.values[component] = value
        if not self._watch(value) and self.components[component]["type"] != "state":
            self.channels[f"value {component_name(self.components[component])}"] = value

    def _watch(self, value: Any) -> bool:
        if not (isinstance(value, str) and value.startswith('{"channels"')):
            return False
        for name, payload in json.loads(value)["channels"].items():
            before = self.channels.get(name)
            if isinstance(payload, dict) and payload.get("start") and before:
                payload = {**payload, "start": 0, "tokens": [*before["tokens"][: payload["start"]], *payload["tokens"]]}
            self.channels[name] = payload
        return True

    def _keep(self, action: str) -> None:
        self.seen.append({"action": action, "channels": json.loads(json.dumps(self.channels))})

    def _queued(self, dependency: Mapping[str, Any], data: list[Any], event: Any) -> tuple[list[Any], str | None]:
        body = {"data": data, "event_data": event, "fn_index": dependency["id"], "session_hash": self.session}
        if not dependency["queue"]:
            answer = self.http.post("/gradio_api/run/predict", json=body)
            found = answer.json()
            return ([found["data"]], None) if answer.is_success else ([], str(found.get("error")))
        self.http.post("/gradio_api/queue/join", json=body).raise_for_status()
        rows: list[Any] = []
        for message in self._messages():
            kind, output = message["msg"], message.get("output") or {}
            if kind == "process_generating" and message["success"]:
                if rows:
                    rows.append([apply_diff(b, d) for b, d in zip(rows[-1], output["data"], strict=True)])
                else:
                    rows.append(output["data"])
            if kind == "process_completed":
                if not message["success"]:
                    return rows, str(output.get("error"))
                return (rows or [output["data"]]), None
        return rows, "the stream ended"

    def _messages(self) -> Iterator[dict[str, Any]]:
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])


def component_name(component: Mapping[str, Any]) -> str:
    return str(component["props"].get("elem_id") or component["type"])


def knobs(**values: float) -> str:
    return json.dumps(values)


# ---- the visits ------------------------------------------------------------------------------------------------------


def greedy(v: Visit) -> None:
    v.load().do("run", "press", mode="greedy", length=12, speed="fast", prompt="The fox went out to")
    v.look("generate-token", 3).look("generate-token", None).do("unit", "change", unit="bits")


def sampled(v: Visit) -> None:
    v.do("run", "press", mode="sample", seed=36, length=14, speed="fast", knobs=knobs(temperature=0.8, top_p=0.9))
    v.look("generate-token", 5).do("knobs", "input", knobs=knobs(temperature=1.5, top_k=5))
    v.look("generate-token", 2)


def steps(v: Visit) -> None:
    v.do("step", "click", mode="sample", seed=3, length=6, speed="fast", prompt="Once upon a time")
    v.do("step", "click").do("step", "click").do("back", "click").do("pause", "press").do("back", "click")


def branches(v: Visit) -> None:
    v.do("run", "press", mode="sample", seed=5, length=8, speed="fast", prompt="The old king said to his")
    v.look("generate-token", 2).do("chart-next_token", "pick", {"picked": 300})
    v.look("generate-token", 1).do("chart-next_token", "pick", {"picked": 13})


def processors(v: Visit) -> None:
    many = knobs(repetition_penalty=1.3, no_repeat_ngram_size=2, min_p=0.02, typical_p=0.95, mirostat=2, top_n_sigma=2)
    v.do("run", "press", mode="sample", seed=9, length=8, speed="fast", knobs=many)
    v.do("run", "press", knobs=knobs(guidance_scale=1.5, watermark_bias=2, xtc_probability=0.5))


def written(v: Visit) -> None:
    v.do("knob-bad_words_ids", "input", **{"knob-bad_words_ids": " wolf\n fox"})
    v.do("run", "press", length=8, speed="fast", **{"knob-stop_strings": "and", "knob-sequence_bias": " king: 2"})
    v.do("knob-suppress_tokens", "input", **{"knob-suppress_tokens": "no such token at all"}).do("run", "press")


def out_of_range(v: Visit) -> None:
    v.do("run", "press", seed=-1).do("run", "press", seed=1, length=0).do("run", "press", length=5, speed="fast")
    v.do("run", "press", knobs=knobs(top_p=7)).do("step", "click", seed=None).do("knobs", "input", knobs="{}")


def empty_prompt(v: Visit) -> None:
    v.do("run", "press", prompt="", length=4, speed="fast").do("run", "press", prompt="word " * 900)


def dice(v: Visit) -> None:
    v.do("run", "press", mode="sample", seed=2, length=6, speed="fast", knobs=knobs(temperature=0.9))
    v.do("dice-lookout", "ask", {"picked": ["race", "same_dice", "survival_map", "mass_flow"]})
    v.do("map-cut", "change", map_cut="min_p")


def examples(v: Visit) -> None:
    for label in ("sure / unsure", "greedy loops", "same dice"):
        v.do(label, "click")


def beams(v: Visit) -> None:
    v.load().do("beam-run", "press", beam_prompt="The fox went out to", beam_length=6, beam_speed="fast")
    v.look("beam-node", [2, 1]).do("beam-ban-run", "click").do("beam-alpha", "input", beam_alpha=2.0)


def beam_steps(v: Visit) -> None:
    v.do("beam-step", "click", beam_prompt="Once upon a time", beam_length=4, beam_num_beams=2, beam_speed="fast")
    v.do("beam-step", "click").do("beam-pause", "press").do("beam-stop", "press").do("beam-run", "press", beam_length=0)


def beam_kinds(v: Visit) -> None:
    for kind in ("beam_sample", "diverse", "constrained", "stochastic"):
        v.do("beam-run", "press", beam_strategy=kind, beam_length=5, beam_phrases=" wolf", beam_speed="fast")


def hostile(v: Visit) -> None:
    v.do("run", "press", prompt="<img src=x onerror=alert(1)> {{7*7}} \u202e", length=5, speed="fast")
    v.do("tokenizer-text", "change", tokenizer_text="<script>alert(1)</script> 😀 静夜思")


def tokenizer(v: Visit) -> None:
    v.load().do("tokenizer-text", "change", tokenizer_text="The unbelievable wolf, 3.14 naïve")
    v.do("tokenizer-find", "click").look("tokenizer-word", 1)
    v.look("tokenizer-replay", 2).do("train-learn", "click").look("tokenizer-train", 3)


def attention(v: Visit) -> None:
    v.do("attention-look", "click", attention_prompt="The wolf ate the wolf").look("attention-head", [1, 2])
    v.do("attention-average", "click").do("attention-side", "change", attention_side="left")
    v.look("attention-query", 3)


def inside(v: Visit) -> None:
    v.do("inside-look", "click", inside_prompt="The old king said").look("inside-token", 1)
    v.look("inside-block", 2).look("inside-cell", [2, 1])


def endpoints(v: Visit) -> None:
    text = "The old king said to his"
    v.ask("next_token", text, n=5).ask("next_token", text, top_p=0.9, top_k=40, temperature=0.7, n=3)
    v.ask("next_token", text, top_p=9).ask("next_token", "", n=2).ask("next_token", text, order="llama.cpp", n=2)
    v.ask("generate", text, seed=3, temperature=0.8, max_new_tokens=8).ask("generate", text, do_sample=False)
    v.ask("generate", text, max_new_tokens=0).ask("generate", 7).ask("models")
    v.ask("beam_search", text, num_beams=3, max_new_tokens=5).ask("beam_search", text, num_beams=0)
    v.ask("beam_search", text, num_beams=4, num_beam_groups=2, diversity_penalty=1.0, max_new_tokens=4)
    v.ask("beam_search", text, force_words=[" wolf"], max_new_tokens=6).ask("beam_search", text, stochastic=True)
    v.ask("tokenize", "The wolf 😀").ask("tokenize", "wolf", model="no such").ask("attention", text, layer=1, head=2)
    v.ask("attention", text, layer=99).ask("logit_lens", "The old king").ask("logit_lens", "")
    v.ask("compare_settings", text, 3, [{"temperature": 0.5}, {"temperature": 2.0}], max_new_tokens=6)
    v.ask("compare_settings", text, 3, [], max_new_tokens=6)


VISITS = (
    greedy, sampled, steps, branches, processors, written, out_of_range, empty_prompt, dice, examples, beams,
    beam_steps, beam_kinds, hostile, tokenizer, attention, inside, endpoints,
)  # fmt: skip


# ---- recording and comparing -----------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Record what scripted visits see, or compare it with a record.")
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", nargs="*", help="names of visits")
    options = parser.parse_args()
    with Served() as address:
        seen = {
            visit.__name__: _made(visit, address)
            for visit in VISITS
            if not options.only or visit.__name__ in options.only
        }
    if options.action == "record":
        options.file.write_text(json.dumps(seen, ensure_ascii=False), encoding="utf-8")
        print(f"{sum(map(len, seen.values()))} moments of {len(seen)} visits in {options.file}")
        return
    before = json.loads(options.file.read_text(encoding="utf-8"))
    found = [line for name, now in seen.items() for line in differences(before[name], now, name)]
    print("\n".join(found[:200]) or f"{sum(map(len, seen.values()))} moments of {len(seen)} visits: as before")
    sys.exit(bool(found))


def _made(visit: Any, address: str) -> list[Seen]:
    made = Visit(address, visit.__name__)
    visit(made)
    return made.seen


class Served:
    """This checkout's page on a free port, with its model loaded."""

    def __enter__(self) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=environment)
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(f"{address}/config", timeout=5).raise_for_status()
                Visit(address, "first").ask("tokenize", "")  # waits for the model
                return address
            except (httpx.HTTPError, OSError):
                time.sleep(0.2)
        raise SystemExit("the page does not answer")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def differences(before: Any, now: Any, place: str) -> Iterator[str]:
    """Where two records differ: texts exactly, numbers beyond the tolerance."""
    numbers = [type(one) in (int, float) for one in (before, now)]
    if all(numbers):
        if not math.isclose(before, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{place}: {before} -> {now}"
    elif type(before) is not type(now):
        yield f"{place}: {str(before)[:120]} -> {str(now)[:120]}"
    elif isinstance(before, dict):
        for key in before.keys() | now.keys():
            if key not in now or key not in before:
                yield f"{place}.{key}: {'gone' if key in before else 'new'}"
            else:
                yield from differences(before[key], now[key], f"{place}.{key}")
    elif isinstance(before, list):
        if len(before) != len(now):
            yield f"{place}: {len(before)} -> {len(now)} entries"
        for i, (one, other) in enumerate(zip(before, now, strict=False)):
            yield from differences(one, other, f"{place}[{i}]")
    elif isinstance(before, str) and MEASURED.sub("", before) != MEASURED.sub("", now):
        yield f"{place}: {str(before)[:120]} -> {str(now)[:120]}"


if __name__ == "__main__":
    main()
