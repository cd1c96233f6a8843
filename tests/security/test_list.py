#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The list in README.md and the tests agree."""
import glob
import os
import re
import unittest

from attack import main

HERE = os.path.dirname(os.path.abspath(__file__))


def numbers(text):
    return {"CVE-%s-%s" % found for found in re.findall(r"cve_(\d+)_(\d+)", text)}


class List(unittest.TestCase):
    def test_every_number_has_its_test_or_a_reason(self):
        with open(os.path.join(HERE, "README.md"), encoding="utf-8") as readme:
            rows = re.findall(r"(?m)^\| (CVE-\d+-\d+) \| .* \| (tested|elsewhere|not tested: .+) \|$",
                              readme.read())
        names = ""
        for path in glob.glob(os.path.join(HERE, "test_*.py")):
            with open(path, encoding="utf-8") as source:
                names += "".join(re.findall(r"(?m)^    def test_\w*", source.read()))
        listed = {number for number, how in rows if how == "tested"}
        self.assertEqual(listed, numbers(names))
        self.assertGreater(len(rows), 49)
        self.assertEqual([number for number, _ in rows],
                         sorted({number for number, _ in rows},
                                key=lambda n: tuple(map(int, n[4:].split("-")))))


if __name__ == "__main__":
    main()
