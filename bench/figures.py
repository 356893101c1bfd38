# SPDX-License-Identifier: BSL-1.0
"""Reads what the benchmark programs write with --json, and makes the same median, interval and verdict (figures.hpp)."""
import json
import math

MORE_IS_BETTER = ("/s",)
FAIR = ("fairness", "least/most", "Jain")
SPREAD = 41


def load(path):
    """Every row of a file, in order. A file holds one program's figures, or an array of several."""
    with open(path, encoding="utf-8") as f:
        content = json.load(f)
    parts = content if isinstance(content, list) else [content]
    return [dict(row, program=part.get("program", "")) for part in parts for row in part.get("rows", [])]


def key(row):
    return row["program"], row["table"], row["what"], row["unit"], row.get("to", "")


def more_is_better(row):
    return any(u in row["unit"] for u in MORE_IS_BETTER) or any(w in row["what"] for w in FAIR)


def judged(row):
    """What of a row is compared: the ratio to something of the same round, where there is one."""
    return row.get("ratio") or row["value"]


def quantile(ordered, share):
    at = share * (len(ordered) - 1)
    i = int(at)
    if i + 1 >= len(ordered):
        return ordered[-1]
    return ordered[i] + (at - i) * (ordered[i + 1] - ordered[i])


def summarise(series):
    """Median, its 95 % interval from the order of the rounds alone, extremes."""
    s = sorted(series)
    n = len(s)
    weight, outside, k = -math.log(2) * n, 0.0, 0
    while k < n // 2 and outside + math.exp(weight) <= 0.025:
        outside += math.exp(weight)
        k += 1
        weight += math.log((n - k + 1) / k)
    edge = max(k - 1, 0)
    kept = min(n, SPREAD)
    spread = [quantile(s, i / (kept - 1) if kept > 1 else 0) for i in range(kept)]
    return {"median": quantile(s, 0.5), "low": s[edge], "high": s[n - 1 - edge], "min": s[0], "max": s[-1],
            "rounds": n, "spread": spread}


def verdict(summary, bound, at_least):
    if at_least:
        return "met" if summary["low"] >= bound else "missed" if summary["high"] < bound else "not resolved"
    return "met" if summary["high"] <= bound else "missed" if summary["low"] > bound else "not resolved"


def figure(x):
    """A number the way people read it: three or four significant digits, no exponent."""
    if x is None:
        return "-"
    size = abs(x)
    return f"{x:.0f}" if size >= 100 else f"{x:.1f}" if size >= 10 else f"{x:.2f}" if size >= 2 else f"{x:.3f}"


def with_interval(s):
    return f"{figure(s['median'])} [{figure(s['low'])}..{figure(s['high'])}]"
