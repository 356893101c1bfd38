#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The service of docs/examples, driven from outside: health while somebody waits, metrics, bad settings, and restarts
that lose no request. Usage: service_test.py PROGRAM [--screenshot FILE], beside a private server. With --screenshot it makes
the picture of the page that is in the docs, after two minutes of load, and tests nothing."""
import http.client, json, math, os, pathlib, re, signal, subprocess, sys, tempfile, threading, time

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


def chromium(port, *how):
    with tempfile.TemporaryDirectory() as home:  # as root it has no sandbox; it loads nothing but the page
        return subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={home}", *how,
             f"http://127.0.0.1:{port}/"], capture_output=True, text=True, timeout=60).stdout


def quantile(told, share):
    """Of the waits in /metrics: the bound of the bucket that holds it, the last finite one for what is above all of them."""
    buckets = sorted((float(s.split('le="')[1].split('"')[0].replace("+Inf", "inf")), n) for s, n in told.items() if s.startswith("dewpond_wait_seconds_bucket"))
    bound = next(b for b, n in buckets if n > 0 and n >= share * buckets[-1][1])
    return bound if math.isfinite(bound) else buckets[-2][0]


def without_age(lines):
    """What happened; how long ago depends on when one asks."""
    return [line.split(" ago: ", 1)[1] for line in lines]


def the_page_shows_what_the_metrics_say():
    s = Service(APP_POOL_MAX_SIZE="3", SERVICE_THREADS="8", SERVICE_TROUBLE="1")
    try:
        in_use = lambda: metrics(s.get("/metrics")[1])['dewpond_resources{pool="service",state="in_use"}']
        s.get("/trouble?hold=3&ms=400")
        soon(lambda: in_use() == 3)
        for _ in range(5):  # the first of them waits
            s.get("/work?ms=1")
        soon(lambda: in_use() == 0)
        s.get("/trouble?hold=2&ms=60000")
        soon(lambda: in_use() == 2)
        dom = chromium(s.port, "--dump-dom")
        shown = {name: int(n) for name, n in re.findall(r'<td id="(\w+)">(\d+)</td>', dom)}
        told = metrics(s.get("/metrics")[1])
        of = lambda name, labels="": told[f'dewpond_{name}{{pool="service"{labels}}}']
        health = json.loads(s.get("/health?pool=1&events=1")[1])
        wanted = {
            **{state: of("resources", f',state="{state}"') for state in ["in_use", "opening", "retiring"]}, "pool_available": health["pool_available"],
            "pool_size": health["pool_size"], "requests_waiting": health["requests_waiting"], "max_size": health["pool_max"],
            "demand_peak": of("demand_peak", ',window="start"'), "checkouts": of("checkouts_total"), "timed_out": of("checkout_failures_total", ',reason="timed_out"')}
        assert wanted["in_use"] == 2 and wanted["checkouts"] == 11 and wanted["demand_peak"] == 4, wanted
        assert {k: shown.get(k) for k in wanted} == wanted, (shown, wanted, dom[:300])
        assert f'<span id="status" class="{health["status"]}">{health["status"]}</span>' in dom, dom[:1200]

        # All of it was within the last minute.
        waits = {name: float(v) for name, v in re.findall(r'<td id="(\w+)" data-value="([^"]+)">', dom)}
        assert of("wait_seconds_count") == 11 and quantile(told, 0.99) >= 0.25 > quantile(told, 0.5), told
        for window in ["minute", "five"]:
            asked = {f"{window}_count": of("wait_seconds_count"), **{f"{window}_p{p}": quantile(told, p / 100) for p in (50, 90, 99)}}
            assert {k: waits.get(k) for k in asked} == asked, (waits, asked)
        # Chromium closes what it reads: rows are in a tbody.
        table = re.search(r'<table class="wide" id="holders">(.*?)</table>', dom)[1]
        rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(<td>.*?)</tr>", table)]
        assert len(rows) == 2 and len({row[0] for row in rows}) == 2, rows
        assert all(re.fullmatch(r"service\.cpp:\d+", row[1]) and re.fullmatch(r"[\d.]+ \w+", row[2]) and row[3].isdigit() for row in rows), rows
        events = re.search(r'<pre id="events">(.*?)</pre>', dom, re.S)[1].splitlines()
        kept = health["events"]["service"]
        assert any("waited" in e for e in kept) and any("opened" in e for e in kept), kept
        assert without_age(reversed(events)) == without_age(kept[-32:]), (events, kept)
        assert dom.count("<svg") == 2 and "events:" not in dom, dom[-600:]
        assert "http" not in dom.replace("http-equiv", ""), "the page loads something"
    finally:
        s.stop()


def picture(file, seconds=120):
    """Load that rises and falls, with leases that are kept, and then a picture of the page."""
    s = Service(APP_POOL_MAX_SIZE="6", SERVICE_THREADS="64", SERVICE_TROUBLE="1")
    begun = time.monotonic()
    try:
        while (t := time.monotonic() - begun) < seconds:
            threading.Thread(target=s.get, args=("/work?ms=150",), daemon=True).start()
            time.sleep(1 / (26 + 16 * math.sin(t / 9)))
        s.get("/trouble?hold=5&ms=60000")
        for _ in range(3):
            threading.Thread(target=s.get, args=("/work?ms=3000",), daemon=True).start()
        time.sleep(1.5)
        chromium(s.port, f"--screenshot={file}", "--window-size=760,1250", "--disable-lcd-text")
        assert 10_000 < pathlib.Path(file).stat().st_size < 150_000, "the picture"
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


if "--screenshot" in sys.argv:
    picture(os.path.abspath(sys.argv[-1]))
    sys.exit()
for test in [a_waiter_is_seen_by_the_monitor_only, the_alerts_ask_for_what_there_is, a_checkout_that_fails_says_when_to_come_again, the_page_shows_what_the_metrics_say, a_setting_that_cannot_work_is_named, restarts_lose_nothing]:
    begun = time.monotonic()
    test()
    print(f"{test.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
