#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The dashboard of docs/monitoring/grafana: what Grafana would refuse or draw badly, and an answer to every query from a
Prometheus that scrapes the service. Usage: dashboard_test.py SERVICE, beside a private server. The exporters' metrics are
canned: they are packages that the tests do not need."""
import copy, http.server, json, os, pathlib, re, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs/monitoring/grafana"
sys.dont_write_bytecode = True  # it is the source's folder
sys.path.insert(0, str(FOLDER))
import ask

# As postgres_exporter 0.11 and node_exporter 1.5 name them.
CANNED = """\
pg_stat_activity_count{datname="app",server="pg",state="active"} 3
pg_stat_activity_count{datname="app",server="pg",state="idle"} 5
pg_stat_activity_max_tx_duration{datname="app",server="pg",state="idle in transaction"} 0.5
pg_settings_max_connections{server="pg"} 100
node_cpu_seconds_total{cpu="0",mode="idle"} 1000
node_cpu_seconds_total{cpu="0",mode="user"} 10
"""
KINDS = {"row", "timeseries", "gauge", "heatmap"}
UNITS = {"short", "s", "percentunit", "reqps"}
# The fields of Grafana's dashboard schema that this one uses, with their types; docs/monitoring/grafana/typecheck asks its own types.
FIELDS = {"uid": str, "title": str, "description": str, "tags": list, "schemaVersion": int, "version": int, "editable": bool, "graphTooltip": int,
          "refresh": str, "time": dict, "timezone": str, "links": list, "templating": dict, "annotations": dict, "panels": list}
PANEL_FIELDS = {"id": int, "type": str, "title": str, "gridPos": dict, "datasource": dict, "targets": list, "description": str, "fieldConfig": dict,
                "options": dict, "collapsed": bool, "panels": list}


def wrong(dashboard, exported):
    """Sentences about what is wrong; `exported` are the names of all metrics."""
    out = []

    def say(condition, text):
        if not condition:
            out.append(text)
    for field, kind in FIELDS.items():
        say(isinstance(dashboard.get(field), kind), f"{field} is not a {kind.__name__}")
    say(not set(dashboard) - set(FIELDS), f"fields that are not known: {set(dashboard) - set(FIELDS)}")
    variables = {v["name"]: v for v in dashboard["templating"]["list"]}
    say(set(variables) == {"datasource", "pool"} and variables["datasource"]["type"] == "datasource", f"variables {set(variables)}")
    by_variable = {"type": "prometheus", "uid": "${datasource}"}
    say(variables["pool"]["datasource"] == by_variable, "the variable pool names a data source")
    for a in dashboard["annotations"]["list"]:
        say(a["datasource"] == by_variable, f"annotation {a['name']} names a data source")
    taken, ids, row = {}, set(), None
    for p in dashboard["panels"]:
        name = p.get("title")
        for field, value in p.items():
            say(isinstance(value, PANEL_FIELDS.get(field, ())), f"{name}: {field} is not known, or not of its type")
        say(p["id"] not in ids, f"{name}: id {p['id']} is taken")
        ids.add(p["id"])
        say(p["type"] in KINDS, f"{name}: type {p['type']}")
        g = p["gridPos"]
        say(0 <= g["x"] and g["x"] + g["w"] <= 24 and g["w"] > 0 and g["h"] > 0 and g["y"] >= 0, f"{name}: outside of the grid")
        for x in range(g["x"], g["x"] + g["w"]):
            for y in range(g["y"], g["y"] + g["h"]):
                say(taken.setdefault((x, y), name) == name, f"{name}: on top of {taken[x, y]}")
        if p["type"] == "row":
            say(row is None or g["y"] > row, f"{name}: rows are not in order")
            row = g["y"]
            continue
        say(p["datasource"] == by_variable, f"{name}: names a data source")
        say(p["fieldConfig"]["defaults"]["unit"] in UNITS, f"{name}: unit")
        say(p["targets"] and p["description"], f"{name}: asks nothing, or says nothing")
        refs = [t["refId"] for t in p["targets"]]
        say(len(set(refs)) == len(refs), f"{name}: refIds {refs}")
        for t in p["targets"]:
            say(t["datasource"] == by_variable, f"{name}: a query names a data source")
            say(set(re.findall(r"\$\{?(\w+)", t["expr"])) <= {"pool", "__rate_interval"}, f"{name}: variables of {t['expr']}")
            asked = set(re.findall(r"\b(?:dewpond|pg|node)_\w+", t["expr"]))
            say(asked and asked <= exported, f"{name}: no such metric: {asked - exported or t['expr']}")
            for labels in re.findall(r"dewpond_\w+(\{[^}]*\})?", t["expr"]):
                say('pool=~"$pool"' in labels or t["expr"] == "sum(dewpond_max_size)", f"{name}: not of the pools that are chosen: {t['expr']}")
    return out


def names(text):
    return {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}


def what_is_wrong_is_found(good, exported):
    """The check itself: each of these must be complained of."""
    def broken(change):
        dashboard = copy.deepcopy(good)
        change(dashboard, dashboard["panels"][1])
        return wrong(dashboard, exported)
    changes = {
        "is taken": lambda d, p: p.update(id=d["panels"][2]["id"]),
        "on top of": lambda d, p: p["gridPos"].update(x=4),
        "outside": lambda d, p: d["panels"][3]["gridPos"].update(w=9),
        "a query names a data source": lambda d, p: p["targets"][0].update(datasource={"type": "prometheus", "uid": "abc"}),
        "In use, of max_size: names a data source": lambda d, p: p.update(datasource=None),
        "no such metric": lambda d, p: p["targets"][0].update(expr='dewpond_idle{pool=~"$pool"}'),
        "not of the pools": lambda d, p: p["targets"][0].update(expr="dewpond_max_size"),
        "variables of": lambda d, p: p["targets"][0].update(expr='dewpond_max_size{pool=~"$pool",instance="$instance"}'),
        "refIds": lambda d, p: p["targets"].append(p["targets"][0]),
        "is not a int": lambda d, p: d.update(schemaVersion="39"),
        "not known": lambda d, p: p.update(colour="red"),
    }
    for sentence, change in changes.items():
        found = broken(change)
        assert any(sentence in s for s in found), (sentence, found)


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


class Canned(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(CANNED.encode())

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    committed = (FOLDER / "dewpond.json").read_text()
    made = subprocess.run([sys.executable, FOLDER / "make.py"], capture_output=True, text=True, check=True).stdout
    assert made == committed, "dewpond.json is not what make.py prints"
    dashboard = json.loads(committed)

    exporters = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    threading.Thread(target=exporters.serve_forever, daemon=True).start()
    running = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            service = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True,
                                       env=dict(os.environ, SERVICE_PORT="0", SERVICE_DRAIN_MS="0", APP_POOL_MAX_SIZE="3"))
            running.append(service)
            service_at = re.search(r"127\.0\.0\.1:\d+", service.stdout.readline())[0]
            exported = names(get(f"http://{service_at}/metrics")) | names(CANNED)
            found = wrong(dashboard, exported)
            assert not found, "\n".join(found)
            what_is_wrong_is_found(dashboard, exported)

            config = pathlib.Path(folder) / "prometheus.yml"
            config.write_text(json.dumps({"global": {"scrape_interval": "500ms"}, "scrape_configs": [
                {"job_name": "all", "static_configs": [{"targets": [service_at, f"127.0.0.1:{exporters.server_address[1]}"]}]}]}))  # JSON is YAML
            url = f"http://127.0.0.1:{free_port()}"
            with open(f"{folder}/log", "w") as log:
                running.append(subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data", "--web.listen-address=" + url[7:]],
                                                stdout=log, stderr=log))
            until = time.monotonic() + 40
            while True:  # Each rate needs two scrapes with something between them.
                get(f"http://{service_at}/work?ms=1")
                try:
                    bad, count = ask.unanswered(url)
                except OSError as error:  # not yet
                    bad, count = [str(error)], 0
                if not bad:
                    break
                assert time.monotonic() < until and running[1].poll() is None, "\n".join(bad) + pathlib.Path(f"{folder}/log").read_text()[-1000:]
                time.sleep(0.1)
            assert count > 40, count
            assert ask.ask(url, 'dewpond_max_size{pool=~"$pool"}')[0]["value"][1] == "3"
            assert "parse error" in ask.ask(url, "sum("), "what it cannot read is not told"
            assert ask.ask(url, "dewpond_no_such_metric") == []
            assert isinstance(ask.ask(url, dashboard["annotations"]["list"][0]["expr"]), list)
            pools = json.loads(get(f"{url}/api/v1/label/pool/values?match[]=dewpond_max_size"))["data"]
            assert pools == ["service"], pools  # what label_values() asks
            print(f"{count} queries, all answered with data")
        finally:
            for process in reversed(running):
                process.send_signal(signal.SIGTERM)
            for process in running:
                process.wait(20)
            exporters.shutdown()


main()
