# SPDX-License-Identifier: BSL-1.0
"""Starts the stack, drives the service, says which alert fired when. Called by docs/monitoring/run, beside a server."""
import argparse, http.client, json, os, pathlib, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "grafana"))
import ask

EARLY = ["PoolRequestsWaiting", "PoolQueueingOften", "PoolNearSaturation", "PoolSaturationPredicted", "PoolWaitP99High", "PoolTimeoutImminent"]
SLOTS, WORK_MS, TIMEOUT = 4, 200, 10


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, target, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Stack:
    """The programs, each with its output in a file; all of them are stopped at the end, whatever happens."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dewpond-monitoring."))
        self.running = {}

    def start_all(self, service):
        names = ["service", "postgres", "node", "alertmanager", "prometheus", "victoria", "vmalert"]
        self.port = {name: free_port() for name in names}
        usual = {8080: "service", 9187: "postgres", 9100: "node", 9093: "alertmanager"}
        for name in ["prometheus.yml", "scrape.yml", "alertmanager.yml", "dewpond.rules.yml"]:
            text = (HERE / name).read_text()
            for port, whose in usual.items():
                text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.port[whose]}")
            (self.folder / name).write_text(text)
        at = lambda name: f"127.0.0.1:{self.port[name]}"
        f = self.folder
        self.start("service", [service], SERVICE_PORT=str(self.port["service"]), SERVICE_THREADS="400", APP_POOL_MAX_SIZE=str(SLOTS),
                   APP_POOL_CHECKOUT_TIMEOUT=f"{TIMEOUT}s", SERVICE_DRAIN_MS="0", SERVICE_TROUBLE="1")
        where = f"host={os.environ['DEWPOND_PG_SOCKET_DIR']} port={os.environ['DEWPOND_PG_PORT']} user=dewpond dbname=dewpond sslmode=disable"
        self.start("postgres", ["prometheus-postgres-exporter", f"--web.listen-address={at('postgres')}"], DATA_SOURCE_NAME=where)
        self.start("node", ["prometheus-node-exporter", f"--web.listen-address={at('node')}"])
        self.start("alertmanager", ["prometheus-alertmanager", f"--config.file={f}/alertmanager.yml", f"--storage.path={f}/alertmanager",
                                    f"--web.listen-address={at('alertmanager')}", "--cluster.listen-address="])
        self.start("prometheus", ["prometheus", f"--config.file={f}/prometheus.yml", f"--storage.tsdb.path={f}/prometheus", f"--web.listen-address={at('prometheus')}"])
        self.start("victoria", ["victoria-metrics", f"-storageDataPath={f}/victoria", f"-httpListenAddr={at('victoria')}", f"-promscrape.config={f}/scrape.yml",
                                "-search.latencyOffset=1s"])  # its 30 s by default would make every alert so much later
        self.start("vmalert", ["vmalert", f"-rule={f}/dewpond.rules.yml", f"-datasource.url=http://{at('victoria')}", f"-remoteWrite.url=http://{at('victoria')}",
                               f"-notifier.url=http://{at('alertmanager')}", f"-httpListenAddr={at('vmalert')}", "-evaluationInterval=5s"])

    def start(self, name, command, **env):
        log = open(self.folder / f"{name}.log", "w")
        # In a session of its own, so that a Ctrl-C at the terminal does not end it before us; should we be killed, it goes, too.
        self.running[name] = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command], env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
                                              stdout=log, stderr=log, start_new_session=True)
        log.close()

    def wait_for(self, name, target, good=lambda body: True, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.running[name].poll() is not None:
                break
            try:
                status, body = get(self.port[name], target)
                if status == 200 and good(body):
                    return body
            except OSError:
                pass
            time.sleep(0.2)
        sys.exit(f"monitoring: {name} is not there:\n" + (self.folder / f"{name}.log").read_text()[-2000:])

    def stop(self):
        """Within 4 s: with_postgres.sh gives 5 to who is told to stop. Nothing that they would save is wanted."""
        for name in reversed(list(self.running)):
            self.running[name].send_signal(signal.SIGTERM)
        until = time.monotonic() + 3
        for process in self.running.values():
            try:
                process.wait(max(0.01, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Alerts:
    """Asks Prometheus and vmalert each second what fires."""

    def __init__(self, stack):
        self.stack, self.over, self.lock, self.first = stack, threading.Event(), threading.Lock(), {}
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def firing(self, whose, states=("firing",)):
        found = json.loads(get(self.stack.port[whose], "/api/v1/alerts")[1])["data"]["alerts"] or []
        return {a["labels"].get("alertname", a.get("name")) for a in found if a["state"] in states}

    def watch(self):
        while not self.over.wait(1):
            for whose in ["prometheus", "vmalert"]:
                now = self.firing(whose)
                with self.lock:
                    for name in now:
                        self.first.setdefault((whose, name), time.monotonic())

    def begin(self):
        """Forgets what fired before, once nothing of it is left: neither firing nor on its way there."""
        until = time.monotonic() + 240
        while any({*EARLY, "PoolTimeouts"} & self.firing(w, ("firing", "pending")) for w in ["prometheus", "vmalert"]):
            if time.monotonic() > until:
                sys.exit("monitoring: early alerts do not end with the load")
            time.sleep(1)
        with self.lock:
            self.first.clear()

    def stop(self):
        self.over.set()
        self.thread.join()


class Load:
    """Requests at a rate that depends on the time, whether the ones before have been answered or not."""

    def __init__(self, port):
        self.port, self.lock, self.done, self.failed, self.first_failed = port, threading.Lock(), 0, 0, None

    def ask(self):
        try:
            good = get(self.port, f"/work?ms={WORK_MS}", timeout=60)[0] == 200
        except OSError:
            good = False
        with self.lock:
            self.done += 1
            if not good:
                self.failed += 1
                self.first_failed = self.first_failed or time.monotonic()

    def run(self, seconds, rate, enough=lambda: False):
        """`rate(t)` requests a second at second t."""
        begun, owed, last, threads = time.monotonic(), 0.0, time.monotonic(), []
        while (now := time.monotonic()) < begun + seconds and not enough():
            owed += rate(now - begun) * (now - last)
            last = now
            while owed >= 1:
                owed -= 1
                threads.append(threading.Thread(target=self.ask, daemon=True))
                threads[-1].start()
            time.sleep(0.01)
        for t in threads:
            t.join()
        return begun


def capacity(port, seconds=10):
    """Requests a second by a closed loop of twice as many clients as there are slots."""
    load, over = Load(port), time.monotonic() + seconds
    def client():
        while time.monotonic() < over:
            load.ask()
    threads = [threading.Thread(target=client, daemon=True) for _ in range(2 * SLOTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return load.done / seconds


def report(title, begun, load, alerts):
    """When what fired, from the start; the seconds between the first early alert and the first failure, for each of the two."""
    print(f"\n{title}: {load.done} requests, {load.failed} failed")
    failed = load.first_failed - begun if load.first_failed else None
    print(f"  first request that failed: {'none' if failed is None else f'{failed:.0f} s'}")
    ahead = {}
    for whose in ["prometheus", "vmalert"]:
        mine = sorted((t - begun, name) for (w, name), t in alerts.first.items() if w == whose)
        print(f"  {whose}: " + (", ".join(f"{name} {t:.0f} s" for t, name in mine) or "nothing fired"))
        early = [t for t, name in mine if name in EARLY]
        ahead[whose] = failed - early[0] if early and failed is not None else None
        if ahead[whose] is not None:
            print(f"    the first early alert came {ahead[whose]:.0f} s before it")
    return ahead


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("service")
    parser.add_argument("--ramp", type=int, default=300)
    parser.add_argument("--step", type=int, default=60)
    parser.add_argument("--calm", type=int, default=120)
    parser.add_argument("--hold", action="store_true")
    options = parser.parse_args()
    bad = []
    sys.stdout.reconfigure(line_buffering=True)

    def told_to_stop(number, _):
        for s in stops:
            signal.signal(s, signal.SIG_IGN)  # once is enough: what follows is the end
        raise SystemExit(128 + number)
    stops = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    for s in stops:
        signal.signal(s, told_to_stop)
    stack = Stack()
    alerts = None
    try:
        stack.start_all(options.service)
        stack.wait_for("service", "/ready")
        stack.wait_for("prometheus", "/api/v1/targets", lambda b: b.count('"health":"up"') == 3)
        stack.wait_for("victoria", "/api/v1/targets", lambda b: b.count('"health":"up"') == 3)
        stack.wait_for("vmalert", "/api/v1/rules", lambda b: "PoolRequestsWaiting" in b)
        stack.wait_for("alertmanager", "/-/ready")
        for name in stack.port:
            print(f"{name}: http://127.0.0.1:{stack.port[name]}")
        alerts = Alerts(stack)
        port = stack.port["service"]
        most = capacity(port)
        print(f"capacity: {most:.1f} requests a second, by {SLOTS} resources and queries of {WORK_MS} ms; checkout_timeout {TIMEOUT} s")

        if options.calm:
            alerts.begin()
            load = Load(port)
            # Seven tenths on the whole: a second of twice what it can serve in every ten, so that for two seconds many wait.
            begun = load.run(options.calm, lambda t: most * (2.0 if t % 10 < 1 else 0.556))
            report(f"calm, {options.calm} s at seven tenths with bursts", begun, load, alerts)
            fired = {name for _, name in alerts.first} & set(EARLY)
            if fired:
                bad.append(f"{', '.join(sorted(fired))} fired in the calm")
        for whose in ["prometheus", "victoria"]:
            # Quantiles of what did not happen lately are no data for VictoriaMetrics, and NaN for Prometheus.
            missing, count = ask.unanswered(f"http://127.0.0.1:{stack.port[whose]}")
            missing = [m for m in missing if whose == "prometheus" or not m.endswith("no data")]
            print(f"dashboard: {whose} answers {count - len(missing)} of {count} queries")
            bad += [f"{whose}: {m}" for m in missing]
        if options.ramp:
            alerts.begin()
            load = Load(port)
            begun = load.run(options.ramp + 60, lambda t: most * min(0.5 + t / options.ramp, 1.5), lambda: load.failed > 0)
            for whose, seconds in report(f"ramp, half to one and a half in {options.ramp} s", begun, load, alerts).items():
                wanted = 30 * min(1, options.ramp / 300)
                if seconds is None or seconds < wanted:
                    bad.append(f"{whose}: no early alert {wanted:.0f} s before the first failure")
        if options.step:
            alerts.begin()
            load = Load(port)
            begun = load.run(options.step, lambda t: most * 1.5, lambda: load.failed > 0)
            report("step to one and a half", begun, load, alerts)
        if options.hold:
            print("\neverything runs; Enter stops it")
            sys.stdin.readline()
    finally:
        if alerts:
            alerts.stop()
        stack.stop()
    print("\n" + ("as wanted" if not bad else "not as wanted: " + "; ".join(bad)))
    return 1 if bad else 0


sys.exit(main())
