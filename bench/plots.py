# SPDX-License-Identifier: BSL-1.0
"""Pictures of the report, drawn by gnuplot."""
import os
import shutil
import subprocess

# Distinct without colour, too: every contestant has a mark of its own. dewpond's are the strong ones.
COLOURS = ("#c1121f", "#780000", "#f97316", "#b45309", "#e07a5f", "#000000", "#888888", "#1d4ed8", "#0f766e",
           "#7c3aed", "#a16207", "#64748b", "#db2777", "#65a30d", "#0891b2")
MARKS = (7, 5, 13, 15, 9, 1, 2, 4, 6, 8, 10, 12, 14, 3, 11)
CONTROL = "textbook, a second one"
HEAD = """set terminal svg size {width},{height} font "sans,12" background "white"
set output "{output}"
set encoding utf8
set grid back lc rgb "#dddddd"
set border 3 lc rgb "#444444"
set tics nomirror
set key outside right top Left reverse noenhanced
"""


def style(i, size=1.0):
    return f'pt {MARKS[i % len(MARKS)]} ps {size} lc rgb "{COLOURS[i % len(COLOURS)]}"'


def quoted(text):
    return '"' + text.replace("\\", "").replace('"', "") + '"'


class Picture:
    """A script of gnuplot with its data in it."""

    def __init__(self, path, width=960, height=440):
        self.path = path
        self.text = HEAD.format(width=width, height=height, output=os.path.basename(path))
        self.blocks = 0
        self.items = []

    def say(self, *lines):
        self.text += "\n".join(lines) + "\n"

    def add(self, points, how):
        """`how`: what follows the name of the data in a plot."""
        if points:
            name = f"$d{self.blocks}"
            self.blocks += 1
            self.text += f"{name} << EOD\n" + "\n".join(" ".join(map(str, p)) for p in points) + "\nEOD\n"
            self.items.append(f"{name} {how}")

    def draw(self, also=()):
        if not self.items:
            return False
        self.text += "plot " + ", \\\n  ".join([*self.items, *also]) + "\n"
        done = subprocess.run(["gnuplot"], input=self.text, text=True, capture_output=True, check=False,
                              cwd=os.path.dirname(self.path))
        return done.returncode == 0 and os.path.exists(self.path) and os.path.getsize(self.path) > 0


def whole(summary):
    return summary is not None and None not in (summary["median"], summary["low"], summary["high"])


def speed(figs, columns, path):
    p = Picture(path, 1280, 480)
    columns = [(figs.table(beginning), name) for beginning, name in columns]
    columns = [(title, name) for title, name in columns if title]
    for i, name in enumerate(figs.who):
        if name == CONTROL:
            continue
        points = []
        for x, (title, _) in enumerate(columns):
            s = figs.speed(title, name)
            if s:
                points.append((x + (i - (len(figs.who) - 1) / 2) * 0.07, *s))
        p.add(points, f"using 1:2:3:4 with yerrorbars {style(i, 0.8)} title {quoted(name)}")
    p.say("set logscale y", "set yrange [0.002:50]", 'set ylabel "times as fast as the textbook mutex pool"',
          f"set xrange [-0.6:{len(columns) - 0.4}]",
          "set xtics noenhanced (" + ", ".join(f'"{name}" {x}' for x, (_, name) in enumerate(columns)) + ")")
    return p.draw(['1 with lines lc rgb "black" dt 2 notitle'])


def saturation(figs, path):
    title = figs.table("D:")
    p = Picture(path, 860, 420)
    for i, name in enumerate(figs.who):
        x, y = (figs.value(title, name, m) for m in ("throughput", "longest"))
        if whole(x) and whole(y):
            p.add([(x["median"] / 1e3, y["median"], x["low"] / 1e3, x["high"] / 1e3, y["low"], y["high"])],
                  f"using 1:2:3:4:5:6 with xyerrorbars {style(i)} title {quoted(name)}")
    p.say(f'set title {quoted(title or "")} noenhanced', "set logscale y", "set xrange [0:]",
          'set xlabel "million holds a second (right is better)"', 'set ylabel "longest wait of a round, ms (low is better)"')
    return p.draw()


def waits(figs, path):
    title = figs.table("S1000:")
    p = Picture(path, 860, 420)
    measures = (("p50 wait", 1, "p50"), ("p99 wait", 1, "p99"), ("p99.9 wait", 1, "p99.9"), ("longest", 1e3, "longest"))
    for i, name in enumerate(figs.who):
        points = []
        for x, (measure, factor, _) in enumerate(measures):
            v = figs.value(title, name, measure)
            if whole(v):
                points.append((x + (i - (len(figs.who) - 1) / 2) * 0.06, *(max(v[k] * factor / 1e3, 1e-5) for k in ("median", "low", "high"))))
        p.add(points, f"using 1:2:3:4 with yerrorbars {style(i)} title {quoted(name)}")
    p.say(f'set title {quoted(title or "")} noenhanced', "set logscale y", 'set ylabel "wait, ms"', "set format y '%g'",
          f"set xrange [-0.6:{len(measures) - 0.4}]",
          "set xtics noenhanced (" + ", ".join(f'"{m[2]}" {x}' for x, m in enumerate(measures)) + ")")
    return p.draw(['3.2 with lines lc rgb "black" dt 2 title "an ideal queue, p99"'])


def size(figs, path):
    p = Picture(path, 860, 420)
    for i, name in enumerate(figs.who):
        if name == CONTROL:
            continue
        for rest, dash in ((", all idle", 1), (", all but one leased", 3)):
            points = []
            for n in (1, 10, 100, 1000, 10000):
                v = figs.value(f"E: one thread, pool of {n}{rest}", name, "one pair")
                if whole(v):
                    points.append((n, v["median"]))
            label = f"title {quoted(name)}" if dash == 1 else "notitle"
            p.add(points, f"using 1:2 with linespoints dt {dash} {style(i, 0.7)} {label}")
    p.say("set logscale xy", 'set xlabel "size of the pool; dotted: all but one leased"', 'set ylabel "ns for a checkout and its return"')
    return p.draw()


def draw(figs, columns, folder):
    """The names of the pictures that were drawn."""
    if shutil.which("gnuplot") is None:
        return []
    kinds = {"speed.svg": lambda path: speed(figs, columns, path), "saturation.svg": lambda path: saturation(figs, path),
             "waits.svg": lambda path: waits(figs, path), "size.svg": lambda path: size(figs, path)}
    return [name for name, kind in kinds.items() if kind(os.path.join(folder, name))]
