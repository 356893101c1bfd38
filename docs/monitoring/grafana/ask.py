#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Sends every query of dewpond.json to a server: ask.py http://127.0.0.1:9090. Ends with 0 if each had an answer with data in it."""
import json, pathlib, sys, urllib.error, urllib.parse, urllib.request

DASHBOARD = pathlib.Path(__file__).resolve().parent / "dewpond.json"
VARIABLES = {"$pool": ".*", "$__rate_interval": "20s"}  # what Grafana would put in for "All" and a scrape each 5 s


def queries(dashboard):
    """Title and query of all that is drawn."""
    return [(p["title"], t["expr"]) for p in dashboard["panels"] for t in p.get("targets", [])]


def ask(url, query, variables=VARIABLES):
    """The samples, or a sentence about what is wrong with the query."""
    for name, value in variables.items():
        query = query.replace(name, value)
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": query}), timeout=20) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        return f"{error.code}: {error.read().decode()[:300]}"


def unanswered(url, variables=VARIABLES):
    """A line for each query that failed or had no data; and how many there are in all."""
    asked = queries(json.loads(DASHBOARD.read_text()))
    out = []
    for title, query in asked:
        found = ask(url, query, variables)
        if not isinstance(found, list) or not found:
            out.append(f"{title}: {query}: {found or 'no data'}")
    return out, len(asked)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    bad, count = unanswered(sys.argv[1].rstrip("/"))
    print("\n".join([*bad, f"{count - len(bad)} of {count} queries answered"]))
    sys.exit(1 if bad else 0)
