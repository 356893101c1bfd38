#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Prints dewpond.json, the dashboard: docs/monitoring/grafana/make.py >docs/monitoring/grafana/dewpond.json"""
import json

# The labels by which every query picks pools.
POOL = 'pool=~"$pool"'
WIDTH, HEIGHT = 24, 8
ALERTS = '{alertname=~"(Pool|Postgres).*",alertstate="firing"}'


def source():
    return {"type": "prometheus", "uid": "${datasource}"}


def one(metric, labels=""):
    return f"dewpond_{metric}{{{POOL}{',' + labels if labels else ''}}}"


def rate(metric, labels=""):
    return f"rate({one(metric + '_total', labels)}[$__rate_interval])"


def each(expression, by="instance, pool"):
    return f"sum by ({by}) ({expression})"


def quantile(share, metric):
    buckets = f"rate({one(metric + '_seconds_bucket')}[$__rate_interval])"
    return f"histogram_quantile({share}, {each(buckets, 'instance, pool, le')})"


IN_USE = one("resources", 'state="in_use"')
FULL = f"sum without (state) ({IN_USE}) / {one('max_size')}"
WHO = "{{instance}} {{pool}}"

# Each row: its title, and panels of title, unit, what it is for, and queries with their legends; a fifth entry: the kind.
ROWS = [
    ("Saturation", [
        ("In use, of max_size", "percentunit", "Near 1 for long: the next burst waits.", [(FULL, WHO)], "gauge"),
        ("Resources by state", "short", "Together what counts against max_size, the line above them.", [
            (each(one("resources"), "state"), "{{state}}"), (f"sum({one('max_size')})", "max_size")]),
        ("Demand and its peak", "short", "In use and waiting. With max_size at the peak nobody would have waited.", [
            (one("demand"), "now " + WHO), (one("demand_peak", 'window="minute"'), "peak of the minute " + WHO), (one("max_size"), "max_size " + WHO)]),
        ("Full on the average, and at the least, of a minute", "percentunit", "What the rules look at: bursts do not move the average to 1.", [
            (f"avg_over_time(({FULL})[1m:5s])", "average " + WHO), (f"min_over_time(({FULL})[1m:5s])", "least " + WHO)]),
        ("Work, in resources", "short", "How many resources the leases that ended kept busy: leases a second x seconds each. Needs Timings.", [
            (f"rate({one('lease_seconds_sum')}[$__rate_interval])", WHO), (one("max_size"), "max_size " + WHO)]),
        ("Checkouts a second", "reqps", "Served, by how. The rest found something idle.", [
            (rate("checkouts"), "all " + WHO), (rate("checkouts_waited"), "waited " + WHO), (rate("checkouts_opened"), "opened " + WHO)]),
    ]),
    ("Waits", [
        ("Requests waiting", "short", "Now. A burst is no trouble; look at the next panel.", [(one("requests_waiting"), WHO)]),
        ("The first of them has waited", "s", "And when it gives up.", [
            (one("oldest_wait_seconds"), WHO), (one("checkout_timeout_seconds"), "checkout_timeout " + WHO)]),
        ("Wait of a checkout", "s", "Needs Timings.", [(quantile(q, "wait"), f"p{q * 100:g} {WHO}") for q in (0.5, 0.9, 0.99)]),
        ("Share of the checkouts that waited", "percentunit", "However short.", [(f"{rate('checkouts_waited')} / {rate('checkouts')}", WHO)]),
        ("Waits by length", "short", "Each column: how many a second took so long. Needs Timings.", [
            (each(f"rate({one('wait_seconds_bucket')}[$__rate_interval])", "le"), "{{le}}")], "heatmap"),
    ]),
    ("Errors", [
        ("Checkouts that failed, a second", "reqps", "By reason. timed_out and open_failed are what users see.", [(rate("checkout_failures"), "{{reason}} " + WHO)]),
        ("Openings that failed, a second", "reqps", "By what was wrong.", [(rate("open_failures"), "{{fault}} " + WHO)]),
        ("Down for", "s", "Nothing is live and opening keeps failing; how long until the next try.", [
            (one("down_seconds"), "down " + WHO), (one("backoff_seconds"), "back-off " + WHO)]),
        ("Openings that failed in a row", "short", "0 when the last one succeeded.", [(one("open_failures_in_row"), WHO)]),
        ("State", "short", "1 for what holds.", [
            (one("ready"), "ready " + WHO), (one("down"), "down " + WHO), (one("closed"), "closed " + WHO)]),
    ]),
    ("Lifecycle", [
        ("Opened and closed, a second", "reqps", "Closed by reason. Many check_failed or reset_failed: the server or the network drops sessions.", [
            (rate("opens"), "opened " + WHO), (rate("closes"), "{{reason}} " + WHO), (rate("detaches"), "detached " + WHO)]),
        ("An opening takes", "s", "Needs Timings.", [(quantile(q, "open"), f"p{q * 100:g} {WHO}") for q in (0.5, 0.99)]),
        ("A lease is out for", "s", "Of those that ended. Needs Timings.", [(quantile(q, "lease"), f"p{q * 100:g} {WHO}") for q in (0.5, 0.99)]),
        ("Oldest lease", "s", "And the span after which it is reported.", [
            (one("oldest_lease_seconds"), WHO), (one("warn_after_seconds"), "warn_after " + WHO)]),
        ("Leases overdue, suspected leaks, dirty returns", "short", "The counts are of the last ten minutes.", [
            (one("leases_overdue"), "overdue " + WHO), (f"increase({one('leaks_suspected_total')}[10m])", "suspected " + WHO),
            (f"increase({one('dirty_returns_total')}[10m])", "dirty " + WHO), (f"increase({one('hooks_left_dirty_total')}[10m])", "by a hook " + WHO)]),
        ("The keeper looked", "s", "Ago. Much more than its period: its thread does not run.", [
            (one("keeper_age_seconds"), WHO), (one("keeper_period_seconds"), "period " + WHO)]),
    ]),
    ("Server", [
        ("Sessions of PostgreSQL", "short", "By state, and how many it lets in. Needs postgres_exporter.", [
            ("sum by (server, state) (pg_stat_activity_count)", "{{state}} {{server}}"), ("min by (server) (pg_settings_max_connections)", "max_connections {{server}}")]),
        ("Longest idle in a transaction", "s", "It keeps its locks.", [
            ('max by (server, datname) (pg_stat_activity_max_tx_duration{state="idle in transaction"})', "{{datname}} {{server}}")]),
        ("What all pools may open together", "short", "Above max_connections some openings will fail.", [
            ("sum(dewpond_max_size)", "all pools"), ("min by (server) (pg_settings_max_connections)", "max_connections {{server}}")]),
        ("CPUs busy", "percentunit", "Needs node_exporter.", [('1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))', "{{instance}}")]),
    ]),
]


def panel(number, grid, title, unit, text, queries, kind="timeseries"):
    targets = [{"datasource": source(), "refId": chr(ord("A") + i), "expr": expr, "legendFormat": legend, "editorMode": "code", "range": True,
                **({"format": "heatmap"} if kind == "heatmap" else {})} for i, (expr, legend) in enumerate(queries)]
    out = {"id": number, "type": kind, "title": title, "description": text, "gridPos": grid, "datasource": source(), "targets": targets,
           "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []}}
    if kind == "timeseries":
        out["fieldConfig"]["defaults"]["custom"] = {"lineWidth": 1, "fillOpacity": 5, "showPoints": "never", "spanNulls": False}
        out["options"] = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}, "tooltip": {"mode": "multi", "sort": "desc"}}
    elif kind == "gauge":
        out["fieldConfig"]["defaults"].update(max=1, thresholds={"mode": "absolute", "steps": [
            {"value": None, "color": "green"}, {"value": 0.8, "color": "orange"}, {"value": 0.95, "color": "red"}]})
        out["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "showThresholdLabels": False, "showThresholdMarkers": True}
    return out


def dashboard():
    panels, y = [], 0
    for title, content in ROWS:
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}, "panels": []})
        y += 1
        per_line = 3
        for i, entry in enumerate(content):
            line = content[i // per_line * per_line:][:per_line]
            width = WIDTH // len(line)
            grid = {"x": i % per_line * width, "y": y + i // per_line * HEIGHT, "w": width, "h": HEIGHT}
            panels.append(panel(len(panels) + 1, grid, *entry))
        y += -(-len(content) // per_line) * HEIGHT
    return {
        "uid": "dewpond", "title": "dewpond pools", "description": "docs/monitoring of dewpond", "tags": ["dewpond"], "schemaVersion": 39, "version": 1,
        "editable": True, "graphTooltip": 1, "refresh": "5s", "time": {"from": "now-15m", "to": "now"}, "timezone": "browser", "links": [],
        "templating": {"list": [
            {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1, "hide": 0, "multi": False, "includeAll": False,
             "options": [], "regex": "", "current": {"text": "default", "value": "default"}},
            {"type": "query", "name": "pool", "label": "Pool", "datasource": source(), "query": {"query": "label_values(dewpond_max_size, pool)", "refId": "pool"},
             "refresh": 2, "sort": 1, "hide": 0, "multi": True, "includeAll": True, "allValue": ".*", "options": [], "regex": "",
             "current": {"text": ["All"], "value": ["$__all"]}},
        ]},
        "annotations": {"list": [
            {"name": "Alerts", "enable": True, "hide": False, "iconColor": "red", "datasource": source(), "expr": "ALERTS" + ALERTS, "step": "5s",
             "titleFormat": "{{alertname}}", "textFormat": "{{pool}} {{instance}}"},
        ]},
        "panels": panels,
    }


print(json.dumps(dashboard(), indent=1))
