# SPDX-License-Identifier: BSL-1.0
"""Files as the benchmark programs write them, for the tests of the tools that read them."""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import figures  # noqa: E402


def row(what, series, unit="ns", table="some table", ratio=None, to="floor", **more):
    out = {"table": table, "what": what, "unit": unit, "value": figures.summarise(series)}
    if ratio is not None:
        out.update(ratio=figures.summarise(ratio), to=to)
    return {**out, **more}


def write(path, rows, program="idle"):
    with open(path, "w", encoding="utf-8") as f:
        json.dump([{"program": program, "rows": rows}, {"naive": "another shape"}], f)
    return path


def tool(name, *words):
    done = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "bench", name), *words], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout, done.stderr
