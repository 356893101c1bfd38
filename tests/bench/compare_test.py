# SPDX-License-Identifier: BSL-1.0
"""bench/compare calls a change real when it is one, and nothing else."""
import os
import tempfile
import unittest

from written import row, tool, write

NARROW = [10 + 0.01 * i for i in range(21)]


def shifted(series, factor):
    return [x * factor for x in series]


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, *rows):
        return write(os.path.join(self.folder.name, name), list(rows))

    def said(self, *words):
        status, out, err = tool("compare", *words)
        self.assertEqual(status, 0, err)
        return out

    def last(self, *words):
        return self.said(*words).strip().splitlines()[-1]

    def test_a_file_does_not_differ_from_itself(self):
        a = self.file("a", row("one", NARROW), row("two", NARROW, "M/s"))
        self.assertEqual(self.last(a, a), "0 better, 0 worse, 2 not told apart")

    def test_fewer_nanoseconds_are_better_and_fewer_per_second_are_worse(self):
        a = self.file("a", row("time", NARROW), row("rate", NARROW, "k/s"), row("x: Jain", NARROW, ""))
        b = self.file("b", *[row(w, shifted(NARROW, 0.9), u) for w, u in (("time", "ns"), ("rate", "k/s"), ("x: Jain", ""))])
        out = self.said(a, b)
        self.assertRegex(out, r"better +time")
        self.assertRegex(out, r"worse +rate")
        self.assertRegex(out, r"worse +x: Jain")

    def test_medians_apart_are_no_change_while_the_intervals_overlap(self):
        wide = [8 + 0.3 * i for i in range(21)]
        a, b = self.file("a", row("one", wide)), self.file("b", row("one", shifted(wide, 1.08)))
        self.assertEqual(self.last(a, b), "0 better, 0 worse, 1 not told apart")

    def test_intervals_apart_are_no_change_while_too_many_rounds_are_lost(self):
        # Each median is pinned by many rounds, yet one round in five of either side lies beyond the other.
        a = [10.0] * 60 + [12.0] * 20
        b = [11.0] * 60 + [9.0] * 20
        first, second = self.file("a", row("one", a)), self.file("b", row("one", b))
        self.assertEqual(self.last(first, second), "0 better, 0 worse, 1 not told apart")

    def test_rounds_apart_are_no_change_while_the_intervals_overlap(self):
        a, b = self.file("a", row("one", [1, 2, 3, 4, 10])), self.file("b", row("one", [9, 11, 12, 13, 14]))
        self.assertEqual(self.last(a, b), "0 better, 0 worse, 1 not told apart")

    def test_the_ratio_to_the_floor_is_compared_where_there_is_one(self):
        # The machine became slower by half; the floor as well.
        a = self.file("a", row("one", NARROW, ratio=NARROW))
        b = self.file("b", row("one", shifted(NARROW, 1.5), ratio=NARROW))
        self.assertEqual(self.last(a, b), "0 better, 0 worse, 1 not told apart")

    def test_of_several_pairs_one_side_must_win_nearly_every_one(self):
        def pairs(factors):
            words = []
            for i, f in enumerate(factors):
                words += [self.file(f"a{i}", row("one", NARROW)), self.file(f"b{i}", row("one", shifted(NARROW, f)))]
            return words

        self.assertEqual(self.last(*pairs([0.97] * 6)), "1 better, 0 worse, 0 not told apart")
        self.assertEqual(self.last(*pairs([0.97] * 9 + [1.02])), "1 better, 0 worse, 0 not told apart")
        self.assertEqual(self.last(*pairs([0.97] * 7 + [1.02])), "0 better, 0 worse, 1 not told apart")
        self.assertIn("fewer than 6 pairs", self.said(*pairs([0.5] * 5)))
        self.assertIn("0 better", self.said(*pairs([0.5] * 5)))

    def test_rows_of_one_side_only_are_counted_and_what_was_not_measured_is_skipped(self):
        nothing = row("one", NARROW)
        nothing["value"]["median"] = None
        a, b = self.file("a", nothing, row("gone", NARROW)), self.file("b", nothing, row("new", NARROW))
        self.assertEqual(self.last(a, b), "0 better, 0 worse, 0 not told apart; 1 rows only before, 1 only after")

    def test_two_programs_are_run_alternately(self):
        program = os.path.join(self.folder.name, "program")
        log = os.path.join(self.folder.name, "log")
        for name, factor in (("before", 1), ("after", 0.9)):
            file = self.file(name + ".json", row("one", shifted(NARROW, factor)))
            with open(program + name, "w", encoding="utf-8") as f:
                f.write(f'#!/bin/sh\necho {name} "$1" >>{log}\nwhile [ $# -gt 1 ]; do shift; done\ncp {file} "$1"\n')
            os.chmod(program + name, 0o755)
        self.assertEqual(self.last("--run", "6", program + "before", program + "after", "--", "--quick"),
                         "1 better, 0 worse, 0 not told apart")
        with open(log, encoding="utf-8") as f:
            self.assertEqual(f.read().split("\n")[:4], ["before --quick", "after --quick", "after --quick", "before --quick"])

    def test_what_it_does_not_know_is_refused(self):
        for words in ((), ("a",), ("--what", "a"), ("--run", "0", "a", "b"), ("a", "b", "c")):
            self.assertEqual(tool("compare", *words)[0], 2, words)
        self.assertEqual(tool("compare", "/nowhere/a", "/nowhere/b")[0], 1)


if __name__ == "__main__":
    unittest.main()
