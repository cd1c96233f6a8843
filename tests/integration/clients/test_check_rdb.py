#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""drey-check-rdb, which lies beside the server: what it says of the files of real servers, sound and
damaged, and that what it shows is what those servers held."""
import base64
import glob
import hashlib
import json
import os
import subprocess
import unittest

import harness

TOOL = os.path.join(os.path.dirname(os.environ["DREY_SERVER"]), "drey-check-rdb")
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../redis-compat/data/rdb")

# A server has reasons of its own to refuse these, which aren't in the file alone.
ONLY_SERVERS_REFUSE = {"made-function-bad", "made-function-noheader", "made-selectdb-16"}


def run(*arguments):
    done = subprocess.run([TOOL, *arguments], capture_output=True, timeout=harness.PATIENCE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def raw(shown):
    return base64.b64decode(shown["base64"]) if isinstance(shown, dict) else shown.encode()


def same(want, got):
    """Is it what is wanted? Long bytes are wanted by their length and SHA-256."""
    if isinstance(want, list):
        return len(want) == len(got) and all(map(same, want, got))
    if isinstance(want, dict) and "sha256" in want:
        got = raw(got)
        return (len(got), hashlib.sha256(got).hexdigest()) == (want["length"], want["sha256"])
    if isinstance(want, (str, dict)):
        return raw(want) == raw(got)
    return want == got


def fingerprint(bytes_shown):
    if "sha256" in bytes_shown:
        return bytes_shown["sha256"]
    return hashlib.sha256(raw(bytes_shown)).hexdigest()


def by_name(items):
    return sorted(items, key=lambda item: fingerprint(item[0]))


class CheckRdb(unittest.TestCase):
    def expect_value(self, want, got, now_ms):
        kind = want["type"]
        value = got["value"]
        self.assertEqual(got["type"], kind)
        self.assertEqual(got["expire_ms"], want["expire_ms"])
        if kind == "hash":  # fields whose time has come are shown, too
            value = [item for item in value if len(item) < 3 or item[2] > now_ms]
            self.assertTrue(same(by_name(want["value"]), by_name(value)))
        elif kind == "set":
            self.assertEqual(sorted(map(fingerprint, want["value"])),
                             sorted(map(fingerprint, value)))
        elif kind == "zset":
            self.assertTrue(same([item[0] for item in want["value"]], [item[0] for item in value]))
            self.assertEqual([float(item[1]) for item in want["value"]],
                             [float(item[1]) for item in value])
        elif kind == "stream":
            for name in ("entries", "length", "last_id"):
                self.assertTrue(same(want["value"][name], value[name]), name)
            self.assertEqual(len(want["value"]["groups"]), len(value["groups"]))
        else:
            self.assertTrue(same(want["value"], value))

    def expect_contents(self, contents, lines):
        shown = {(str(line["db"]), fingerprint(line["key"])): line for line in lines
                 if "key" in line}
        now_ms = 1900000000000  # deadlines are long past by now, or later than this
        for db, keys in contents["dbs"].items():
            for key in keys:
                with self.subTest(db=db, key=key["key"]):
                    got = shown.pop((db, fingerprint(key["key"])))
                    self.expect_value(key, got, now_ms)
        for line in shown.values():  # what a server leaves out since its time has come
            if line["expire_ms"] is None:
                self.assertTrue(all(len(item) == 3 and item[2] < now_ms for item in line["value"]))
            else:
                self.assertEqual(line["ttl_ms"], 0)

    def test_files_of_real_servers(self):
        outcomes = set()
        for path in glob.glob(os.path.join(DATA, "**/*.rdb"), recursive=True):
            name = os.path.basename(path)[:-len(".rdb")]
            with open(path[:-len("rdb")] + "json") as file:
                about = json.load(file)
            with self.subTest(file=name):
                status, out, err = run(path)
                self.assertEqual(err, "")
                self.assertEqual("\\o/ RDB looks OK! \\o/" in out, status == 0)
                self.assertEqual("--- RDB ERROR DETECTED ---" in out, status == 1)
                again, shown, why = run("--json", path)
                self.assertEqual((again, why != ""), (status, status == 1))
                lines = list(map(json.loads, shown.splitlines()))
                if about["expect"] == "refuse":
                    self.assertEqual(status, int(name not in ONLY_SERVERS_REFUSE))
                elif about["expect"] == "load":
                    self.assertEqual(status, 0, out)
                    if "contents" in about:
                        self.expect_contents(about["contents"], lines)
                outcomes.add(about["expect"])
        self.assertEqual(outcomes, {"load", "refuse", "survive"})

    def test_report(self):
        status, out, err = run(os.path.join(DATA, "redis-7.0.15-all.rdb"))
        self.assertEqual((status, err), (0, ""))
        for wanted in ("[offset 0] Checking RDB file", "AUX FIELD redis-ver = '7.0.15'",
                       "Selecting DB ID 0", "] Checksum OK\n", " keys read\n", " expires\n",
                       " already expired\n"):
            self.assertIn(wanted, out)

    def test_no_file(self):
        self.assertEqual(run("/nonexistent.rdb")[0], 1)
        self.assertEqual(run("--json", "/nonexistent.rdb")[:2], (1, ""))
        for arguments in ((), ("--json",), ("--nonsense", "x"), ("a", "b")):
            status, out, err = run(*arguments)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("Usage:", err)
        self.assertIn("drey-check-rdb ", run("--version")[1])


if __name__ == "__main__":
    harness.main()
