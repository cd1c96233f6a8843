#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""redis-cli as it comes: commands, scripts, its terminal, and its reports on a server."""
import json
import os
import re
import signal
import tempfile

import harness


class Cli(harness.Case):
    def argv(self, *args):
        return ("redis-cli", "-p", str(self.server.port), *args)

    def cli(self, *args, stdin=b""):
        """Runs it; returns what it printed. It must end well and not complain."""
        status, out, err = self.run_client(*self.argv(*args), stdin=stdin)
        self.assertEqual((status, err), (0, ""), out)
        return out

    def fill(self, keys):
        """`keys` strings key:N of N % 100 bytes, and one of each other kind there is."""
        lines = ["SET key:%d %s" % (n, "x" * (n % 100) or '""') for n in range(keys)]
        lines += ["SETBIT bits 80000 1", "PFADD hll a b c"]
        self.assertIn("errors: 0, replies: %d" % len(lines),
                      self.cli("--pipe", stdin="\r\n".join(lines + [""]).encode()))


class Commands(Cli):
    def test_arguments(self):
        self.assertEqual(self.cli("SET", "a key", "a value"), "OK\n")
        self.assertEqual(self.cli("GET", "a key"), "a value\n")
        self.assertEqual(self.cli("GET", "none"), "\n")
        self.assertEqual(self.cli("--quoted-input", "SET", r'"\x00\xff"', "1"), "OK\n")
        self.assertEqual(self.cli("--no-raw", "KEYS", "[^a]*"), '1) "\\x00\\xff"\n')
        self.assertEqual(self.cli("--no-raw", "MGET", "a key", "none"),
                         '1) "a value"\n2) (nil)\n')
        self.assertEqual(self.cli("--no-raw", "DEL", "a key"), "(integer) 1\n")

    def test_status_of_errors(self):
        status, out, err = self.run_client(*self.argv("-e", "INCR", "a", "b"))
        self.assertEqual(status, 1)
        self.assertIn("ERR wrong number of arguments for 'incr' command", out + err)
        self.cli("SET", "a", "text")
        self.assertIn("ERR value is not an integer or out of range", self.cli("INCR", "a"))

    def test_formats(self):
        self.cli("MSET", "a", "1", "b", "two words")
        self.assertEqual(self.cli("--raw", "MGET", "a", "b", "c"), "1\ntwo words\n\n")
        self.assertEqual(self.cli("--csv", "MGET", "a", "b", "c"), '"1","two words",NULL\n')
        self.assertEqual(self.cli("-d", "|", "MGET", "a", "b"), "1|two words\n")
        self.assertEqual(json.loads(self.cli("--json", "MGET", "a", "b", "c")),
                         ["1", "two words", None])
        self.assertEqual(json.loads(self.cli("--json", "CONFIG", "GET", "databases")),
                         {"databases": "16"})
        self.assertEqual(json.loads(self.cli("--json", "COMMAND", "INFO", "get"))[0][:2],
                         ["get", 2])

    def test_resp3(self):
        self.assertEqual(self.cli("-3", "--no-raw", "CONFIG", "GET", "port"),
                         '1# "port" => "%d"\n' % self.server.port)
        self.assertIn("proto 3\n", self.cli("-3", "HELLO"))
        self.assertEqual(self.cli("-3", "--no-raw", "DEBUG", "PROTOCOL", "double"),
                         "(double) 3.141\n")
        self.assertIn("redis_version:", self.cli("-3", "INFO", "server"))

    def test_value_from_stdin(self):
        value = b"line\r\nand \0 and \xc3\xa4\n" * 1000
        self.assertEqual(self.cli("-x", "SET", "a", stdin=value), "OK\n")
        self.assertEqual(self.cli("STRLEN", "a"), "%d\n" % len(value))
        self.assertEqual(self.cli("GET", "a").encode(), value + b"\n")
        self.assertEqual(self.cli("-X", "here", "SET", "b", "here", "EX", "100", stdin=b"v"),
                         "OK\n")
        self.assertEqual(self.cli("GETDEL", "b"), "v\n")

    def test_repetition(self):
        self.assertEqual(self.cli("-r", "3", "-i", "0.1", "INCR", "n"), "1\n2\n3\n")

    def test_database(self):
        self.assertEqual(self.cli("-n", "3", "SET", "a", "1"), "OK\n")
        self.assertEqual(self.cli("DBSIZE"), "0\n")
        url = "redis://127.0.0.1:%d/" % self.server.port
        self.assertEqual(self.run_client("redis-cli", "-u", url + "3", "DBSIZE"), (0, "1\n", ""))
        status, out, err = self.run_client(*self.argv("-n", "99", "DBSIZE"))
        self.assertIn("ERR DB index is out of range", out + err)

    def test_commands_from_stdin(self):
        script = ("SET a 1\n\n3 INCR a\nSET \"two words\" 'it\\'s'\nGET \"two words\"\n"
                  "SELECT 4\nDBSIZE\nNOSUCH x\nGET \"open\nPING\nQUIT\nPING\n")
        out = self.cli(stdin=script.encode())
        self.assertEqual([line for line in out.split("\n") if line],
                         ["OK", "2", "3", "4", "OK", "it's", "OK", "0",
                          "ERR unknown command 'NOSUCH', with args beginning with: 'x' ",
                          "Invalid argument(s)", "PONG"])

    def test_help(self):
        out = self.cli(stdin=b"help setrange\nhelp @hyperloglog\n")
        self.assertIn("key offset value", out)
        self.assertIn("2.2.0", out)
        self.assertIn("PFMERGE", out)
        self.assertIn("string", out)


class Terminal(Cli):
    def test_session(self):
        address = r"127\.0\.0\.1:%d" % self.server.port
        with harness.Terminal(*self.argv()) as terminal:
            def ask(command, answer, prompt=address + r"\[5\]> "):
                terminal.type(command + "\r")
                terminal.expect("\n%s\r\n" % answer)
                terminal.expect(prompt)

            terminal.expect(address + "> ")
            terminal.type("getrange ")
            terminal.expect("key start end")  # the hint, from COMMAND DOCS
            ask("a 0 -1", '""', address + "> ")
            ask("select 5", "OK")
            ask("set a 1", "OK")
            ask("mget a b", r'1\) "1"\r\n2\) \(nil\)')
            ask("hello 3", r'1# "server" => "redis"\r\n2# .*')
            ask("client kill type normal skipme no", r"\(integer\) 2")
            ask("ping", "Error: Server closed the connection", "not connected> ")
            ask("ping", "PONG", address + ".*> ")
            terminal.type("exit\r")
            self.assertEqual(terminal.end(), 0)

    def test_latency(self):
        """It never ends by itself: interrupted once it has shown something."""
        for option in (["--latency"], ["--latency-history", "-i", "0.1"],
                       ["--latency-dist", "-i", "0.1"]):
            with self.subTest(option), harness.Terminal(*self.argv(*option)) as terminal:
                if "--latency-dist" not in option:
                    terminal.expect(r"min: \d+, max: \d+, avg: \d+\.\d+ \(\d+ samples\)")
                if "--latency-history" in option:
                    terminal.expect(r"-- \d+\.\d\d seconds range")
                if "--latency-dist" in option:
                    terminal.expect("-{9}\r\n.*\n")
                terminal.process.send_signal(signal.SIGINT)
                terminal.end()

    def test_intrinsic_latency(self):
        self.assertRegex(self.cli("--intrinsic-latency", "1"),
                         r"Max latency so far: \d+ microseconds\.\n(.|\n)*\d+ total runs")

    def test_monitor(self):
        with harness.Terminal(*self.argv("MONITOR")) as terminal:
            terminal.expect("OK")
            self.server.run("SET", "a", "two words")
            terminal.expect(r'\n\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "a" "two words"')

    def test_stat(self):
        with harness.Terminal(*self.argv("--stat", "-i", "0.1")) as terminal:
            terminal.expect(r"keys +mem +clients +blocked +requests +connections")
            first = terminal.expect(r"\n(\d+) +([\d.]+[BKM]) +(\d+) +(\d+) +(\d+) \(\+0\)")
            self.assertEqual(first[1], "0")
            for key in ("a", "b"):
                self.server.run("SET", key, "1")
            terminal.expect(r"\n2 +[\d.]+[BKM] +\d+ +0 +\d+ \(\+[1-9]\d*\) +\d+")


class Debugger(Cli):
    SCRIPT = ("local n = redis.call('INCR', KEYS[1])\n"
              "redis.debug('n is', n)\n"
              "return {n, ARGV[1]}\n")

    def debug(self, *args, stdin):
        """Runs the script in the debugger, with these commands; returns the lines shown."""
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(self.SCRIPT)
            script.flush()
            out = self.cli(*args, "--eval", script.name, "counter", ",", "argument", stdin=stdin)
        return re.sub("\033\\[[0-9;]*m", "", out).splitlines()

    def test_session_of_its_own(self):
        lines = self.debug("--ldb", stdin=b"s\nprint n\neval KEYS[1]\nc\nquit\n")
        self.assertIn("<redis> INCR counter", lines)
        for shown in ("<reply> 1", "<value> 1", '<retval> "counter"', '<debug> line 2: "n is", 1',
                      "1) (integer) 1", '2) "argument"'):
            self.assertIn(shown, lines)
        self.assertEqual(self.cli("EXISTS", "counter"), "0\n")

    def test_restart(self):
        lines = self.debug("--ldb-sync-mode", stdin=b"c\nrestart\nc\nquit\n")
        self.assertIn("1) (integer) 2", lines)
        self.assertEqual(self.cli("GET", "counter"), "2\n")


class Reports(Cli):
    def test_bigkeys(self):
        self.fill(1000)
        out = self.cli("--bigkeys", "-i", "0.001")
        self.assertIn("Sampled 1002 keys in the keyspace!", out)
        self.assertIn("""Biggest string found '"bits"' has 10001 bytes""", out)
        self.assertIn("1002 strings with ", out)
        self.assertIn("0 streams with 0 entries", out)

    def test_memkeys(self):
        self.fill(1000)
        for samples in ([], ["--memkeys-samples", "0"]):
            out = self.cli("--memkeys", *samples)
            self.assertIn("Sampled 1002 keys in the keyspace!", out)
            self.assertIn("""Biggest string found '"bits"' has 10""", out)

    def test_hotkeys(self):
        self.server.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
        self.addCleanup(self.server.run, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.fill(100)
        for _ in range(300):
            self.server.run("GET", "key:7")
        out = self.cli("--hotkeys")
        self.assertIn("Sampled 102 keys in the keyspace!", out)
        self.assertRegex(out, r'hot key found with counter: \d+\s+keyname: "key:7"')

    def test_scan(self):
        self.fill(3000)
        found = self.cli("--scan", "--pattern", "key:29*").split()
        self.assertEqual(sorted(set(found)),
                         sorted("key:%d" % n for n in range(3000) if str(n).startswith("29")))
        self.assertEqual(len(set(self.cli("--scan").split())), 3002)
        self.assertEqual(self.cli("--scan", "--pattern", "nothing*"), "")

    def test_pipe(self):
        with tempfile.TemporaryFile() as commands:
            for n in range(100000):
                key = b"key:%d" % n
                value = b"\r\n\0\xff%d" % n
                commands.write(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                               % (len(key), key, len(value), value))
            commands.seek(0)
            out = self.cli("--pipe", stdin=commands.read())
        self.assertIn("errors: 0, replies: 100000\n", out)
        self.assertEqual(self.server.run("DBSIZE").value, 100000)
        self.assertEqual(self.server.run("GET", "key:99999").value, b"\r\n\0\xff99999")

    def test_pipe_with_errors(self):
        status, out, err = self.run_client(*self.argv("--pipe"),
                                           stdin=b"SET a x\nINCR a\nNOSUCH\nAPPEND a y\n")
        self.assertEqual(status, 1)
        self.assertIn("errors: 2, replies: 4", out)
        self.assertIn("ERR value is not an integer or out of range", out + err)
        self.assertEqual(self.server.run("GET", "a").value, b"xy")

    def test_big_value(self):
        value = b"0123456789" * (1 << 20)
        self.assertEqual(self.cli("-x", "SET", "a", stdin=value), "OK\n")
        self.assertEqual(self.cli("GET", "a").encode(), value + b"\n")


class Password(Cli):
    options = ("--requirepass", "two words", "--unixsocket", "socket")

    def setUp(self):
        self.server.run("AUTH", "two words")
        super().setUp()

    def test_password(self):
        self.assertEqual(self.cli("-a", "two words", "--no-auth-warning", "PING"), "PONG\n")
        self.assertEqual(self.cli("--user", "default", "--pass", "two words",
                                  "--no-auth-warning", "PING"), "PONG\n")
        status, out, err = self.run_client(*self.argv("-a", "two words", "PING"))
        self.assertEqual((status, out), (0, "PONG\n"))
        self.assertIn("Warning", err)

    def test_url(self):
        url = "redis://default:two%%20words@127.0.0.1:%d/2" % self.server.port
        status, out, _ = self.run_client("redis-cli", "-u", url, "--no-auth-warning", "SET",
                                         "a", "1")
        self.assertEqual((status, out), (0, "OK\n"))
        self.assertEqual(self.server.run("DBSIZE").value, 0)

    def test_wrong_password(self):
        self.assertIn("NOAUTH Authentication required.", self.cli("PING"))
        _, out, err = self.run_client(*self.argv("-a", "wrong", "--no-auth-warning", "PING"))
        self.assertIn("WRONGPASS invalid username-password pair or user is disabled.", err)
        self.assertIn("NOAUTH", out)

    def test_auth_later(self):
        out = self.cli(stdin=b"PING\nAUTH \"two words\"\nPING\n")
        self.assertEqual([line for line in out.split("\n") if line],
                         ["NOAUTH Authentication required.", "OK", "PONG"])

    def test_unix_socket(self):
        path = os.path.join(self.server.directory, "socket")
        self.assertEqual(self.run_client("redis-cli", "-s", path, "-a", "two words", "-3",
                                         "--no-auth-warning", "ECHO", "hi"), (0, "hi\n", ""))


if __name__ == "__main__":
    harness.main()
