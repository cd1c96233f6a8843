#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""redis-benchmark as it comes, with the options that people compare servers with."""
import csv
import io

import harness


class Benchmark(harness.Case):
    def measure(self, *options, requests=2000):
        """Runs it with --csv; returns {test: requests a second}. Neither side may see an error."""
        status, out, err = self.run_client("redis-benchmark", "-p", str(self.server.port),
                                           "-n", str(requests), "--csv", *options)
        err = "".join(line for line in err.splitlines(True) if "Keepalive disabled" not in line)
        self.assertEqual((status, err), (0, ""))
        rows = list(csv.reader(io.StringIO(out)))
        self.assertEqual(rows[0][:2], ["test", "rps"])
        rates = {row[0]: float(row[1]) for row in rows[1:]}
        self.assertTrue(rates)
        for name, rate in rates.items():
            self.assertGreater(rate, 0, name)
        self.expect_no_errors()
        return rates

    def info(self, section):
        lines = self.server.run("INFO", section).value.decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def expect_no_errors(self):
        self.assertEqual(self.info("errorstats"), {})
        stats = self.info("stats")
        self.assertEqual(stats["total_error_replies"], "0")
        self.assertEqual(stats["rejected_connections"], "0")

    def calls(self, command):
        stat = self.info("commandstats")["cmdstat_" + command]
        return int(dict(part.split("=") for part in stat.split(","))["calls"])

    def test_default_run(self):
        rates = self.measure("-t", "ping,set,get,incr,mset")
        self.assertEqual(list(rates), ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR",
                                       "MSET (10 keys)"])
        for command in ("set", "get", "incr", "mset"):
            self.assertGreaterEqual(self.calls(command), 2000)
        self.assertGreaterEqual(self.calls("ping"), 4000)

    def test_quiet(self):
        status, out, err = self.run_client("redis-benchmark", "-p", str(self.server.port),
                                           "-n", "1000", "-t", "set,get", "-q")
        self.assertEqual((status, err), (0, ""))
        lines = [line for line in out.replace("\r", "\n").split("\n") if " per second" in line]
        self.assertEqual([line.split(":")[0] for line in lines], ["SET", "GET"])
        self.expect_no_errors()

    def test_report(self):
        status, out, err = self.run_client("redis-benchmark", "-p", str(self.server.port),
                                           "-n", "1000", "-t", "get")
        self.assertEqual((status, err), (0, ""))
        for text in ("1000 requests completed", "50 parallel clients", "latency summary",
                     'host configuration "save":', 'host configuration "appendonly": no'):
            self.assertIn(text, out)
        self.expect_no_errors()

    def test_pipeline(self):
        self.measure("-t", "set,get", "-P", "16", requests=20000)
        self.assertGreaterEqual(self.calls("get"), 20000)

    def test_1000_clients(self):
        self.measure("-t", "set,get", "-c", "1000")
        self.assertGreaterEqual(int(self.info("stats")["total_connections_received"]), 1000)

    def test_threads(self):
        self.measure("-t", "set,get,incr", "--threads", "2")

    def test_resp3(self):
        self.measure("-t", "ping,set,get,incr,mset", "-3")
        self.assertGreaterEqual(self.calls("hello"), 250)

    def test_random_keys(self):
        self.measure("-t", "set,get,mset", "-r", "100000", "-P", "4")
        self.assertGreater(self.server.run("DBSIZE").value, 15000)

    def test_big_values(self):
        self.measure("-t", "set,get", "-d", "3000", "-r", "1")
        self.assertEqual(self.server.run("STRLEN", "key:000000000000").value, 3000)

    def test_own_command(self):
        rates = self.measure("-r", "1000", "-P", "4", "INCRBY", "n:__rand_int__", "5")
        self.assertEqual(list(rates), ["INCRBY n:__rand_int__ 5"])
        self.measure("SETRANGE", "k", "100", "text")
        self.assertEqual(self.server.run("STRLEN", "k").value, 104)

    def test_other_database(self):
        self.measure("-t", "set", "--dbnum", "3", "-r", "10")
        self.assertEqual(self.info("keyspace")["db3"].split(",")[0], "keys=10")

    def test_new_connections(self):
        self.measure("-t", "get", "-k", "0", requests=1000)
        self.assertGreaterEqual(int(self.info("stats")["total_connections_received"]), 1000)

    def test_errors_are_seen(self):
        """That the runs above show no error means something."""
        status, out, err = self.run_client("redis-benchmark", "-p", str(self.server.port),
                                           "-n", "10", "-e", "INCR", "a", "b")
        self.assertIn("ERR wrong number of arguments for 'incr' command", out + err)
        self.assertNotEqual(status, 0)


if __name__ == "__main__":
    harness.main()
