#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The service of docs/examples, driven from outside: health while somebody waits, metrics, bad settings, and restarts
that lose no request. Usage: service_test.py PROGRAM, beside a private server."""
import http.client, json, os, pathlib, re, signal, subprocess, sys, tempfile, threading, time

PROGRAM = sys.argv[1]


class Service:
    def __init__(self, **settings):
        env = dict(os.environ, SERVICE_PORT="0", SERVICE_DRAIN_MS="300", **settings)
        self.process = subprocess.Popen([PROGRAM], env=env, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert "http://127.0.0.1:" in line, f"it does not serve: {line!r}"
        self.port = int(line.rsplit(":", 1)[1])

    def get(self, target):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", target)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, f"it ended with {self.process.returncode}: {out}"
        assert "0 leases left" in out, out


def soon(what, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what.__name__}")


def metrics(text):
    """Every sample by its name and labels; a series that stands twice would make Prometheus drop the scrape."""
    out = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            assert series not in out, f"twice: {series}"
            out[series] = float(value)
    return out


def a_waiter_is_seen_by_the_monitor_only():
    s = Service(APP_POOL_MAX_SIZE="2", APP_POOL_CHECKOUT_TIMEOUT="10s", SERVICE_THREADS="8", SERVICE_TROUBLE="1")
    usual = ["/live", "/ready", "/health"]
    try:
        for target in usual + ["/health?pool=1", "/metrics", "/work?ms=1"]:
            assert s.get(target)[0] == 200, target
        assert s.get("/nothing")[0] == 404
        body = json.loads(s.get("/health?pool=1")[1])
        assert body["status"] == "pass" and body["requests_waiting"] == 0 and body["pool_size"] >= 1, body

        assert s.get("/trouble?hold=2&ms=1500")[0] == 202
        soon(lambda: json.loads(s.get("/health?pool=1")[1])["status"] == "warn")  # all in use, nobody waits
        served = []
        waiter = threading.Thread(target=lambda: served.append(s.get("/work?ms=1")[0]))
        waiter.start()
        status, body, headers = soon(lambda: (a := s.get("/health?pool=1"))[0] == 503 and a)
        told = json.loads(body)
        assert told["requests_waiting"] == 1 and told["pool_available"] == 0 and told["cause"] == "busy", told
        assert int(headers["Retry-After"]) >= 1, headers
        assert [s.get(t)[0] for t in usual] == [200] * 3
        assert metrics(s.get("/metrics")[1])['dewpond_requests_waiting{pool="service"}'] == 1
        waiter.join()
        assert served == [200], served
        soon(lambda: s.get("/health?pool=1")[0] == 200)
    finally:
        s.stop()


def the_alerts_ask_for_what_there_is():
    rules = pathlib.Path(__file__).parents[2] / "docs/monitoring/dewpond.rules.yml"
    asked = set(re.findall(r"\bdewpond_[a-z0-9_]+", rules.read_text()))
    assert len(asked) > 12, asked
    s = Service()
    try:
        told = {series.split("{")[0] for series in metrics(s.get("/metrics")[1])}
        assert asked <= told, f"no such metrics: {asked - told}"
    finally:
        s.stop()


def a_checkout_that_fails_says_when_to_come_again():
    s = Service(APP_POOL_MAX_SIZE="1", APP_POOL_CHECKOUT_TIMEOUT="50ms", SERVICE_THREADS="4", SERVICE_TROUBLE="1")
    try:
        s.get("/trouble?hold=1&ms=5000")
        status, body, headers = soon(lambda: (a := s.get("/work?ms=1"))[0] == 503 and a)
        assert body == "no slot came free before the deadline\n" and headers["Retry-After"] == "1", (body, headers)
    finally:
        s.stop()  # the lease that is out is no reason to hang


def the_page_shows_what_the_metrics_say():
    s = Service(APP_POOL_MAX_SIZE="3", SERVICE_THREADS="8", SERVICE_TROUBLE="1")
    try:
        for _ in range(5):
            s.get("/work?ms=1")
        s.get("/trouble?hold=2&ms=60000")
        soon(lambda: metrics(s.get("/metrics")[1])['dewpond_resources{pool="service",state="in_use"}'] == 2)
        with tempfile.TemporaryDirectory() as home:  # as root it has no sandbox; it loads nothing but the page
            dom = subprocess.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={home}", "--dump-dom", f"http://127.0.0.1:{s.port}/"],
                capture_output=True, text=True, timeout=60).stdout
        shown = {name: int(n) for name, n in re.findall(r'<td id="(\w+)">(\d+)</td>', dom)}
        told = metrics(s.get("/metrics")[1])
        of = lambda name, labels="": told[f'dewpond_{name}{{pool="service"{labels}}}']
        wanted = {
            "in_use": of("resources", ',state="in_use"'), "pool_available": of("resources", ',state="idle"'), "requests_waiting": of("requests_waiting"),
            "max_size": of("max_size"), "checkouts": of("checkouts_total"), "timed_out": of("checkout_failures_total", ',reason="timed_out"')}
        assert wanted["in_use"] == 2 and wanted["checkouts"] >= 7, wanted
        assert {k: shown.get(k) for k in wanted} == wanted, (shown, wanted, dom[:300])
        assert dom.count("<svg") == 2 and "service.cpp" in dom, dom[-600:]  # who holds the slots
        assert "http" not in dom.replace("http-equiv", ""), "the page loads something"
    finally:
        s.stop()


def a_setting_that_cannot_work_is_named():
    for name, value in [("SERVICE_PORT", "80000"), ("APP_POOL_MAX_SIZE", "none"), ("APP_POOL_MAXSIZE", "5"), ("SERVICE_THREADS", "4 ")]:
        done = subprocess.run([PROGRAM], env=dict(os.environ, **{name: value}), capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and name in done.stderr and done.stderr.count("\n") == 1, (name, done)


def restarts_lose_nothing(times=20):
    """A balancer's view: an instance whose /ready says no gets no new request; one is replaced while the other serves."""
    settings = dict(APP_POOL_MAX_SIZE="3", SERVICE_THREADS="8")
    instances = [Service(**settings), Service(**settings)]
    usable = [True, True]
    lock, over, failed, served = threading.Lock(), threading.Event(), [], [0]

    def ready(s):
        try:
            return s.get("/ready")[0] == 200
        except OSError:
            return False

    def watch():
        while not over.wait(0.05):
            for i in range(2):
                usable[i] = ready(instances[i])

    def client():
        turn = 0
        while not over.is_set():
            with lock:
                there = [s for s, u in zip(instances, usable) if u]
            s = there[turn % len(there)] if there else None
            turn += 1
            try:
                status = s.get("/work?ms=10")[0] if s else "no instance"
            except OSError as e:
                status = repr(e)
            if status == 200:
                served[0] += 1
            else:
                failed.append(status)

    threads = [threading.Thread(target=f) for f in [watch] + [client] * 4]
    for t in threads:
        t.start()
    try:
        for n in range(times):
            i = n % 2
            instances[i].stop()
            fresh = Service(**settings)
            with lock:
                instances[i], usable[i] = fresh, False
            soon(lambda: usable[i])
    finally:
        over.set()
        for t in threads:
            t.join()
        for s in instances:
            s.stop()
    print(f"{times} restarts, {served[0]} requests served, {len(failed)} failed")
    assert not failed and served[0] > 20 * times, failed[:5]


for test in [a_waiter_is_seen_by_the_monitor_only, the_alerts_ask_for_what_there_is, a_checkout_that_fails_says_when_to_come_again, the_page_shows_what_the_metrics_say, a_setting_that_cannot_work_is_named, restarts_lose_nothing]:
    begun = time.monotonic()
    test()
    print(f"{test.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
