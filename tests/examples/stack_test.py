#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""docs/monitoring/stack.py leaves nothing behind: told to stop while all runs, and killed. Usage: stack_test.py SERVICE, beside a
private server."""
import os, pathlib, shutil, signal, subprocess, sys, tempfile, time

STACK = pathlib.Path(__file__).resolve().parents[2] / "docs/monitoring/stack.py"
PROGRAMS = 7


def marked(mark):
    """Ids of all processes that were started with it in their environment."""
    out = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0") and (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX":
                out.append(int(folder.name))
        except OSError:
            pass  # gone, or somebody else's
    return out


def begun(service, folder, mark, all_ready):
    """All of it, at the moment when everything runs and the load begins, or when every program has been started."""
    stack = subprocess.Popen([sys.executable, STACK, service], stdout=subprocess.PIPE, text=True, start_new_session=True,
                             env=dict(os.environ, TMPDIR=folder, DEWPOND_TEST_MARK=mark))
    if all_ready:
        any(line.startswith("vmalert: http") for line in stack.stdout)  # the last that it says before the load
    until = time.monotonic() + 20
    while (there := len(marked(f"DEWPOND_TEST_MARK={mark}".encode()))) != PROGRAMS + 1:
        assert not all_ready and time.monotonic() < until and stack.poll() is None, f"{there - 1} of {PROGRAMS} programs run"
        time.sleep(0.02)
    return stack


def nobody(mark, seconds):
    until = time.monotonic() + seconds
    while (left := marked(f"DEWPOND_TEST_MARK={mark}".encode())) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left, [pathlib.Path(f"/proc/{p}/cmdline").read_bytes()[:80] for p in left]


def main():
    with tempfile.TemporaryDirectory(prefix="dewpond stack ") as folder:
        service = shutil.copy(sys.argv[1], folder)
        mark = f"{os.getpid()}.int"
        stack = begun(service, folder, mark, all_ready=True)
        at = time.monotonic()
        os.killpg(stack.pid, signal.SIGINT)  # as a terminal does; SIGTERM goes the same way
        stack.communicate(timeout=20)
        took = time.monotonic() - at
        assert stack.returncode == 128 + signal.SIGINT, stack.returncode
        nobody(mark, 0)
        assert os.listdir(folder) == ["service"], os.listdir(folder)
        print(f"SIGINT: over after {took:.1f} s")
        assert took < 5, took  # with_postgres.sh gives it no more
        mark = f"{os.getpid()}.kill"
        stack = begun(service, folder, mark, all_ready=False)
        stack.kill()
        stack.communicate(timeout=20)
        nobody(mark, 30)  # each is told when its parent dies
        print("SIGKILL: nobody is left")


main()
