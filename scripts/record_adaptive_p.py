"""Records what llama.cpp's own adaptive-p makes of some logits, as the fixture of its test: needs its source and g++.

python scripts/record_adaptive_p.py …/llama.cpp/src/llama-sampler.cpp

The functions are cut out of that file as they stand, and compiled between a few declarations of the same names.
"""

import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

FIXTURE = Path(__file__).resolve().parent.parent / "tests" / "decoding" / "fixtures" / "adaptive_p.json"
BEFORE = """
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>
#define GGML_ASSERT assert
typedef int32_t llama_token;
static const llama_token LLAMA_TOKEN_NULL = -1;
struct llama_token_data { llama_token id; float logit; float p; };
struct llama_token_data_array { llama_token_data * data; size_t size; int64_t selected; bool sorted; };
struct llama_sampler { void * ctx; };
static int wanted = 0;
static int llama_sample_dist(llama_token_data_array *, std::mt19937 &) { return wanted; }
static void llama_token_data_array_partial_sort_inplace(llama_token_data_array *, int) { assert(false); }
"""
AFTER = """
int main() { // target, decay, steps, V, then per step: the token taken and V logits; prints the V logits that come out
    float target, decay; int steps, size;
    if (scanf("%f %f %d %d", &target, &decay, &steps, &size) != 4) return 1;
    llama_sampler_adaptive_p ctx = {target, decay, 0, 0, std::mt19937(0), target / (1.0f - decay),
                                    1.0f / (1.0f - decay), {}, LLAMA_TOKEN_NULL, -1};
    llama_sampler sampler = {&ctx};
    for (int step = 0; step < steps; ++step) {
        if (scanf("%d", &wanted) != 1) return 1;
        std::vector<llama_token_data> data(size);
        for (int i = 0; i < size; ++i) { data[i].id = i; if (scanf("%f", &data[i].logit) != 1) return 1; }
        llama_token_data_array array = {data.data(), data.size(), -1, false};
        llama_sampler_adaptive_p_apply(&sampler, &array);
        for (int i = 0; i < size; ++i) printf("%.9g ", data[i].logit);
        printf("%.9g %.9g\\n", ctx.weighted_sum, ctx.total_weight);
        llama_sampler_adaptive_p_accept(&sampler, wanted);
    }
}
"""


def cut(source: str) -> str:
    """Softmax, state, constants, apply and accept."""
    found = []
    for start in (
        "static void llama_sampler_softmax_impl(", "struct llama_sampler_adaptive_p {",
        "static void llama_sampler_adaptive_p_apply(", "static void llama_sampler_adaptive_p_accept(",
    ):  # fmt: skip
        body = source[source.index(start) :]
        found.append(body[: re.search(r"^\};?$", body, re.MULTILINE).end()])  # type: ignore[union-attr]
    found.insert(2, "\n".join(re.findall(r"^static constexpr float .*$", source, re.MULTILINE)))
    return "\n\n".join(found)


def rows(seed: int, steps: int, size: int) -> list[list[float]]:
    """Logits from a congruential generator, some of them removed, as float32."""
    state, made = seed, []
    for _ in range(steps):
        row = []
        for _ in range(size):
            state = (1103515245 * state + 12345) % 2**31
            row.append(float("-inf") if state % 11 == 0 else struct.unpack("f", struct.pack("f", state / 2**28 - 4))[0])
        made.append(row)
    return made


def main(path: str) -> None:
    source = Path(path).read_text(encoding="utf-8")
    recorded = []
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "adaptive_p"
        code = Path(folder) / "adaptive_p.cpp"
        code.write_text(BEFORE + cut(source) + AFTER, encoding="utf-8")
        subprocess.run(["g++", "-std=c++17", "-O1", "-w", "-o", program, code], check=True)
        cases = [(0.5, 0.9), (0.3, 0.0), (0.0, 0.5), (1.0, 0.99), (0.15, 0.7)]
        for seed, (target, decay) in enumerate(cases, 1):
            logits = rows(seed, 6, 24)
            taken = [next(i for i in range(step, 24) if row[i] > -99) for step, row in enumerate(logits)]
            typed = [f"{target} {decay} 6 24"]
            typed += [f"{t} " + " ".join(f"{x:.9g}" for x in row) for t, row in zip(taken, logits, strict=True)]
            done = subprocess.run([program], input="\n".join(typed), capture_output=True, text=True, check=True)
            steps = []
            for line, row, token in zip(done.stdout.splitlines(), logits, taken, strict=True):
                *out, weighted_sum, total = map(float, line.split())
                texts = ([None if x == float("-inf") else x for x in values] for values in (row, out))
                steps.append(dict(zip(("logits", "out"), texts, strict=True)) | {
                    "taken": token, "weighted_sum": weighted_sum, "total_weight": total,
                })  # fmt: skip
            recorded.append({"target": target, "decay": decay, "steps": steps})
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_text(json.dumps(recorded, separators=(",", ":"), allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
