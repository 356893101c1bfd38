# SPDX-License-Identifier: BSL-1.0
"""bench/report makes a page of what the programs write, keeps the method above it, and says what was missed."""
import os
import shutil
import tempfile
import unittest
import xml.etree.ElementTree

from written import ROOT, row, tool, write

D = "D: 8 threads, pool of 2, busy holds of 1 us"
A = "A: one thread, a checkout and its return, pool of 10"


def rows():
    seven = [1.0 + 0.01 * i for i in range(7)]
    out = []
    for who, factor, verdict in (("dewpond", 0.5, "missed"), ("textbook mutex pool", 1, None)):
        more = {"ratio": [factor * x for x in seven], "to": "textbook mutex pool"} if verdict else {}
        said = {"must": ">= 0.980", "verdict": verdict} if verdict else {}
        out += [row(f"{who}: throughput", [900 * factor * x for x in seven], "k/s", D, **more, **said),
                row(f"{who}: p99.9 wait", [3000 * x for x in seven], "us", D), row(f"{who}: longest", seven, "ms", D),
                row(f"{who}: least/most", seven, "", D), row(f"{who}: Jain", seven, "", D),
                row(f"{who}: one pair", [10 * x for x in seven], "ns", A, **more)]
    return out


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.source = write(os.path.join(self.folder.name, "figures.json"), rows(), "peers")

    def page(self, *words, folder="out"):
        target = os.path.join(self.folder.name, folder)
        status, _, err = tool("report", self.source, target, *words)
        self.assertEqual(status, 0, err)
        with open(os.path.join(target, "benchmarks.md"), encoding="utf-8") as f:
            return f.read()

    def test_the_page_has_method_machine_figures_and_what_was_missed(self):
        page = self.page("--command", "bench/run --report out")
        with open(os.path.join(ROOT, "docs", "benchmarks.md"), encoding="utf-8") as f:
            self.assertTrue(page.startswith(f.read().split("\n## Figures\n")[0].rstrip()))
        for words in ("| command | `bench/run --report out` |", "| compiler |", "| commit |", "0 met, 0 not resolved, 1 missed",
                      f"| dewpond | {D} | ", "**missed**"):
            self.assertIn(words, page)
        # Half the throughput, and half the time: 0.5 times and twice as fast.
        self.assertRegex(page, r"\n\| dewpond \| 1\.9\d+ \| 0\.51\d \|\n")
        with open(os.path.join(self.folder.name, "out", "benchmarks", "all.md"), encoding="utf-8") as f:
            self.assertIn("| dewpond: throughput | 464 [450..477]", f.read())

    def test_made_again_the_method_stays_and_the_figures_are_new(self):
        folder = os.path.join(self.folder.name, "out")
        os.makedirs(folder)
        with open(os.path.join(folder, "benchmarks.md"), "w", encoding="utf-8") as f:
            f.write("# Mine\n\n## Method\n\nBy hand.\n\n## Figures\n\nold ones\n")
        for _ in range(2):
            page = self.page()
            self.assertTrue(page.startswith("# Mine\n\n## Method\n\nBy hand.\n\n## Figures\n"), page[:80])
            self.assertNotIn("old ones", page)
            self.assertEqual(page.count("## Figures\n"), 1)

    def test_pictures_are_drawn_where_gnuplot_is(self):
        page = self.page()
        for name in ("speed.svg", "saturation.svg"):
            picture = os.path.join(self.folder.name, "out", "benchmarks", name)
            drawn = shutil.which("gnuplot") is not None
            self.assertEqual(os.path.exists(picture), drawn)
            self.assertEqual(f"(benchmarks/{name})" in page, drawn)
            if drawn:
                self.assertIn("svg", xml.etree.ElementTree.parse(picture).getroot().tag)


if __name__ == "__main__":
    unittest.main()
