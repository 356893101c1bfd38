# SPDX-License-Identifier: BSL-1.0
"""The last events of every dewpond pool, from a core file or a stopped process. Needs no debug information.

    gdb -batch -x dewpond.py -ex dewpond-events ./program core

The layout it reads is that of include/dewpond/detail/recorder.hpp, version 1 (docs/decisions/0029). Names of numbers are
those of to_string() in event.hpp and error.hpp; a test compares them."""

import re
import struct

import gdb

MAGIC = b"dewpond recorder"
HEADER = struct.Struct("<16sIIII64s")  # magic, version, bytes of an entry, entries, spare, name of the pool
ENTRY = struct.Struct("<QqQQ")  # stamp, when, place, rest
KINDS = ["open failed", "opened after outage", "down", "up", "dirty return", "closed", "hook left dirty", "stalled", "nested wait",
         "lease too old", "old lease came back", "opened", "waited", "failed", "resized", "renewed", "closing"]
REASONS = ["max_idle", "max_lifetime", "max_uses", "renewed", "check failed", "reset failed", "wrong role", "hook left dirty", "discarded",
           "excess", "pool closed"]
CODES = ["no slot came free before the deadline", "nothing idle to take at once", "no resource could be opened",
         "the pool is down: opening keeps failing", "the pool is closed", "the checkout was cancelled", "too many are waiting already",
         "a hook threw; its resource was closed", "an option that cannot work", "the system refused a thread that the pool needs",
         "this process was forked from the one that made the pool: make a new pool after fork()"]
FAULTS = ["none", "other", "unreachable", "timed out", "starting", "full", "configuration", "wrong role", "broken"]
NO_SLOT = 0xFFFF


def name_of(names, number):
    return names[number] if number < len(names) else "unknown"


def span(ns):
    """As the library writes a duration: one decimal, in the largest unit that fits."""
    for size, unit in ((10**9, "s"), (10**6, "ms"), (10**3, "us"), (1, "ns")):
        if ns >= size or size == 1:
            tenth = ns % size * 10 // size
            return f"{ns // size}.{tenth} {unit}" if tenth else f"{ns // size} {unit}"


def memory(at, size):
    return gdb.selected_inferior().read_memory(at, size).tobytes()


def text(at):
    out = b""
    while b"\0" not in out and len(out) < 4096:
        out += memory(at + len(out), 1)
    return out.split(b"\0")[0].decode("utf-8", "replace")


def place(bits):
    """A name (the lowest bit is set), or a std::source_location: file, function, line, column."""
    try:
        if bits & 1:
            return text(struct.unpack("<Q", memory(bits - 1, 8))[0])
        file, _, line = struct.unpack("<QQI", memory(bits, 20))
        return f"{text(file).rsplit('/', 1)[-1]}:{line}"
    except gdb.MemoryError:
        return f"a place that is not in the core ({bits:#x})"


def line_of(entry, newest):
    stamp, when, where, rest = entry
    kind, age, slot, what, fault = stamp & 0xFF, rest >> 32, rest >> 16 & 0xFFFF, rest >> 8 & 0xFF, rest & 0xFF
    name = name_of(KINDS, kind)
    out = f"{span(max(newest - when, 0))} ago: {name}"
    if name == "resized":
        out += f" to {slot}"
    elif slot != NO_SLOT:
        out += f", slot {slot}"
    if name == "closed":
        out += f" ({name_of(REASONS, what)})"
    if name == "failed":
        out += f" ({name_of(CODES, what)})"
    if where:
        out += f" at {place(where)}"
    ns = (age & 0x7FFFFFFF) * (10**6 if age >> 31 else 10**3)
    if ns:
        out += f", {span(ns)}"
    return out + (f", {name_of(FAULTS, fault)}" if fault else "")


def ranges():
    """What the core holds; of a live process, what it may write to."""
    for line in gdb.execute("info files", to_string=True).splitlines():
        if found := re.match(r"\s*(0x[0-9a-f]+) - (0x[0-9a-f]+) is load", line):
            yield tuple(int(n, 16) for n in found.groups())
    try:
        maps = gdb.execute("info proc mappings", to_string=True)
    except gdb.error:
        return
    for line in maps.splitlines():
        if found := re.match(r"\s*(0x[0-9a-f]+)\s+(0x[0-9a-f]+)\s+0x[0-9a-f]+\s+0x[0-9a-f]+\s+rw", line):
            yield tuple(int(n, 16) for n in found.groups())


def recorders():
    seen = set()
    for at, end in ranges():
        while at < end:
            try:
                hit = gdb.selected_inferior().search_memory(at, end - at, MAGIC)
            except gdb.MemoryError:
                break
            if hit is None:
                break
            at = hit + 1
            try:
                _, version, entry_bytes, entries, _, pool = HEADER.unpack(memory(hit, HEADER.size))
            except gdb.MemoryError:
                continue
            if hit in seen or (version, entry_bytes) != (1, ENTRY.size) or not 0 < entries <= 65536:
                continue  # the bytes themselves, in the program's constants
            seen.add(hit)
            yield pool.split(b"\0")[0].decode("utf-8", "replace"), memory(hit + HEADER.size, entries * ENTRY.size)


class Events(gdb.Command):
    """dewpond-events: the last events of every dewpond pool, the oldest first."""

    def __init__(self):
        super().__init__("dewpond-events", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        count = 0
        for pool, entries in recorders():
            count += 1
            # A stamp of 0 is an entry that was never written, of 1 one that is being written.
            past = sorted((e for e in ENTRY.iter_unpack(entries) if e[0] > 1), key=lambda e: e[0])
            print(f"pool '{pool}': {len(past)} events, in time before the last of them")
            for entry in past:
                print("  " + line_of(entry, past[-1][1]))
        if count == 0:
            print("no pool of dewpond was found")


Events()
