#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The units of docs/monitoring/systemd and of the service, as their install script puts them: systemd reads them without a word, and
its own measure of exposure (0 to 10) stays low; every program listens on the loopback and is told what stack.py tells it.
Packages that are not there are stood in for. Usage: units_test.py"""
import os, pathlib, re, shutil, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "docs/monitoring/systemd"
PACKAGED = {"prometheus", "victoria-metrics", "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-postgres-exporter"}
MOST_EXPOSED = 2.5  # of a unit without any of it: 9


def analyze(units, *command):
    return subprocess.run(["systemd-analyze", *command], env=dict(os.environ, SYSTEMD_UNIT_PATH=f"{units}:", SYSTEMD_COLORS="0"), capture_output=True, text=True)


def command_of(text):
    return [line.split("=", 1)[1] for line in text.splitlines() if line.startswith("ExecStart=") and line != "ExecStart="][-1].split()


def main():
    with tempfile.TemporaryDirectory(prefix="dewpond units ") as folder:
        folder = pathlib.Path(folder).resolve()
        subprocess.run([SOURCE / "install"], env=dict(os.environ, DESTDIR=str(folder)), check=True)
        units = folder / "etc/systemd/system"
        put = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
        told = subprocess.run([SOURCE / "install", "--help"], capture_output=True, text=True, check=True).stdout
        for file in put:
            assert pathlib.Path(file).name in told, f"--help does not say that it copies {file}"
        assert {p.name.removesuffix(".service.d") for p in units.glob("*.service.d")} == PACKAGED | {"vmalert"}, put

        commands = {}
        for name in PACKAGED:
            there = pathlib.Path(f"/lib/systemd/system/{name}.service")
            (units / there.name).write_text(there.read_text() if there.exists() else "[Service]\nExecStart=/bin/true\nUser=daemon\n")
            commands[name] = command_of((units / f"{name}.service.d/20-dewpond.conf").read_text())
        commands["vmalert"] = command_of((units / "vmalert.service").read_text())
        shutil.copy(ROOT / "docs/examples/service/service.service", units)

        stack = (ROOT / "docs/monitoring/stack.py").read_text()
        for name, command in commands.items():
            assert command[0] == f"/usr/bin/{name}", command
            where = [re.sub(r"^-+", "", a).split("=", 1) for a in command[1:] if "istenAddr" in a or "listen-address" in a]
            assert where and all(value == "" or value.startswith("127.0.0.1:") for _, value in where), command
            for argument in command[1:]:
                flag = argument.split("=")[0]
                assert flag in stack or flag == "--no-collector.timex", f"{name}: {flag} was never seen to work"
                for path in re.findall(r"/etc/\S+", argument):
                    assert path.lstrip("/") in put, f"{name}: {path} is not installed"
        ports = {re.search(r"127\.0\.0\.1:(\d+)$", c)[1] for cs in commands.values() for c in cs if "isten" in c and not c.endswith("=")}
        assert len(ports) == len(commands), ports
        for target in re.findall(r"127\.0\.0\.1:(\d+)", (SOURCE.parent / "prometheus.yml").read_text() + " ".join(commands["vmalert"])):
            assert target in ports | {"8080"}, f"nobody listens on {target}"

        # What is not installed here is still to be read: its program is stood in for.
        for file in [*units.rglob("*.conf"), *units.glob("*.service")]:
            text = file.read_text()
            for program in set(re.findall(r"(?m)^ExecStart=(/\S+)", text)):
                if not os.access(program, os.X_OK):
                    text = text.replace(f"ExecStart={program}", "ExecStart=/bin/true")
            file.write_text(text)
        files = [*units.glob("*.service"), *units.glob("*.target")]
        assert len(files) == 8, files
        read = analyze(units, "verify", "--man=no", *files)
        assert read.returncode == 0 and not read.stderr, read
        for name in [*commands, "service"]:
            said = analyze(units, "security", "--offline=yes", "--no-pager", units / f"{name}.service")
            exposed = float(re.search(r"exposure level for \S+: ([\d.]+)", said.stdout)[1])
            print(f"{name}: exposure {exposed}")
            assert exposed <= MOST_EXPOSED, said.stdout

        (units / "vmalert.service").write_text((units / "vmalert.service").read_text() + "NoNewPrivilege=yes\n")
        read = analyze(units, "verify", "--man=no", units / "vmalert.service")
        assert "NoNewPrivilege" in read.stderr, "a word that it does not know is not told"


main()
