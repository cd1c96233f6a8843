#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The server as a primary: Debian's redis-server follows it, by both ways of a full sync and under
load, loses the connection and comes back, and has the same data in the end. That is compared by
what the server itself makes of the replica's snapshot. And what depends on how far replicas are:
WAIT, min-replicas-to-write, SHUTDOWN."""
import os
import random
import shutil
import signal
import time
import unittest

import harness
from lib import server as compat
from lib.resp import encode

REDIS = shutil.which("redis-server")
FOLLOWED = ("--rdb-version", "10", "--repl-diskless-sync-delay", "0", "--shutdown-timeout", "100")


def info(server, section):
    lines = server.run("INFO", section).value.decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def await_true(what, condition):
    deadline = time.monotonic() + harness.PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it didn't come to that: " + what)
        time.sleep(0.01)


class Replica(compat.Server):
    def __init__(self, primary, *options):
        super().__init__("replica", REDIS,
                         ("--replicaof", "127.0.0.1 %d" % primary.port, *options))

    def is_up(self):
        return info(self, "replication").get("master_link_status") == "up"


def load(connection, rng, count):
    """Commands of all kinds, of which some go out as others, or in several databases."""
    for _ in range(count):
        key = "k%d" % rng.randrange(300)
        member = "m%d" % rng.randrange(50)
        words = rng.choice((
            ("SET", "s" + key, "x" * rng.randrange(2000)),
            ("SET", "e" + key, "1", "EX", "10000"),
            ("INCR", "n" + key),
            ("INCRBYFLOAT", "f" + key, "0.1"),
            ("RPUSH", "l" + key, member, member),
            ("LPOP", "l" + key),
            ("SADD", "set" + key, member, "1"),
            ("SPOP", "set" + key),
            ("ZADD", "z" + key, "1.5", member),
            ("ZPOPMIN", "z" + key),
            ("HSET", "h" + key, member, "v" * rng.randrange(100)),
            ("XADD", "x" + key, "MAXLEN", "~", "20", "*", "a", member),
            ("SETEX", "g" + key, "10000", "v"),
            ("DEL", "s" + key),
            ("EXPIRE", "z" + key, "10000"),
            ("EVAL", "redis.call('incr', KEYS[1]); return redis.call('rpush', KEYS[2], ARGV[1])",
             "2", "n" + key, "l" + key, member),
            ("SELECT", str(rng.randrange(3))),
            ("PFADD", "p" + key, member),
            ("SETRANGE", "r" + key, str(rng.randrange(100)), member),
            ("PUBLISH", "channel", member),
        ))
        connection.command(*words)


@unittest.skipUnless(REDIS, "there's no redis-server to be the replica")
class Primary(harness.Case):
    options = FOLLOWED

    def setUp(self):
        self.server.await_info("connected_slaves", "0")
        super().setUp()
        self.server.run("CONFIG", "SET", "repl-diskless-sync", "no", "min-replicas-to-write", "0",
                        "rdb-key-save-delay", "0")
        self.rng = random.Random(1)

    def follow(self, *options):
        replica = Replica(self.server, *options)
        self.addCleanup(replica.remove)
        return replica

    def caught_up(self, replica):
        there = info(replica, "replication")
        here = info(self.server, "replication")
        return there.get("master_repl_offset") == here["master_repl_offset"] and replica.is_up()

    def expect_same(self, replica):
        await_true("the replica has it all", lambda: self.caught_up(replica))
        replica.run("SAVE")
        reader = harness.Server("--dir", replica.directory)
        self.addCleanup(reader.remove)
        self.assertEqual(self.server.run("DEBUG", "DIGEST").value,
                         reader.run("DEBUG", "DIGEST").value)

    def expect_sync_under_load(self):
        connection = self.server.connect()
        load(connection, self.rng, 2000)
        replica = self.follow()
        while not replica.is_up():
            load(connection, self.rng, 20)
        load(connection, self.rng, 3000)
        connection.close()
        self.expect_same(replica)
        self.assertEqual(info(self.server, "stats")["sync_full"], "1")
        return replica

    def test_sync_by_file(self):
        replica = self.expect_sync_under_load()
        slave = info(self.server, "replication")["slave0"]
        self.assertRegex(slave, r"^ip=127.0.0.1,port=%d,state=online,offset=\d+,lag=\d$"
                         % replica.port)
        role = self.server.run("ROLE").value
        self.assertEqual(role[0].value, b"master")
        self.assertEqual(role[2].value[0].value[1].value, b"%d" % replica.port)

    def test_sync_as_it_is_made(self):
        self.server.run("CONFIG", "SET", "repl-diskless-sync", "yes")
        self.expect_sync_under_load()

    def test_two_share_a_snapshot(self):
        load(self.server.control, self.rng, 500)
        self.server.run("SELECT", "0")
        self.server.run("CONFIG", "SET", "rdb-key-save-delay", "200000")
        saves = int(info(self.server, "persistence")["rdb_saves"])
        first = self.follow()
        self.server.await_info("rdb_bgsave_in_progress", "1")
        load(self.server.control, self.rng, 100)
        second = self.follow()
        self.server.await_info("connected_slaves", "2")
        self.server.run("CONFIG", "SET", "rdb-key-save-delay", "0")
        self.expect_same(first)
        self.expect_same(second)
        self.assertEqual(info(self.server, "persistence")["rdb_saves"], str(saves + 1))
        self.assertEqual(info(self.server, "stats")["sync_full"], "2")

    def test_comes_back(self):
        replica = self.follow()
        await_true("the replica is there", replica.is_up)
        load(self.server.control, self.rng, 200)
        await_true("the replica has it all", lambda: self.caught_up(replica))
        self.server.run("CLIENT", "KILL", "TYPE", "replica")
        load(self.server.control, self.rng, 200)
        self.expect_same(replica)
        stats = info(self.server, "stats")
        self.assertEqual((stats["sync_full"], stats["sync_partial_ok"]), ("1", "1"))

    def test_wait(self):
        replica = self.follow()
        await_true("the replica is there", replica.is_up)
        self.server.run("SET", "a", "1")
        self.assertEqual(self.server.run("WAIT", "1", "0").value, 1)
        os.kill(replica.process.pid, signal.SIGSTOP)
        self.server.run("SET", "a", "2")
        self.assertEqual(self.server.run("WAIT", "1", "50").value, 0)
        os.kill(replica.process.pid, signal.SIGCONT)
        self.assertEqual(self.server.run("WAIT", "1", "0").value, 1)

    def test_wait_in_script(self):
        """A script doesn't wait, so replicas needn't be asked how far they are."""
        replica = self.follow()
        await_true("the replica is there", replica.is_up)
        before = int(info(self.server, "replication")["master_repl_offset"])
        self.assertLess(self.server.run("EVAL", "return redis.call('wait', '2', '0')", "0").value, 2)
        after = int(info(self.server, "replication")["master_repl_offset"])
        self.assertIn(after - before, (0, len("*1\r\n$4\r\nPING\r\n")))

    def test_lag_takes_memory(self):
        """What is kept for who lags counts as replicas' memory, not as data, and goes with them."""
        def memory():
            m = info(self.server, "memory")
            kept = int(m["mem_not_counted_for_evict"])
            return kept, int(m["mem_clients_slaves"]), int(m["used_memory"]) - kept

        self.server.run("CONFIG", "SET", "repl-backlog-size", "16384")
        self.server.run("SET", "a", "x" * 20000)
        replica = self.follow()
        await_true("the replica is there", replica.is_up)
        before = memory()
        os.kill(replica.process.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, replica.process.pid, signal.SIGCONT)
        kept = replicas = 0
        deadline = time.monotonic() + harness.PATIENCE
        while min(kept, replicas) <= 4 << 20:  # once sockets take no more
            self.assertLess(time.monotonic(), deadline)
            for _ in range(100):
                self.server.run("SET", "a", "x" * 20000)
            kept, replicas, data = memory()
        self.assertLess(abs(data - before[2]), 1 << 20)
        self.assertLess(int(info(self.server, "memory")["mem_clients_normal"]), 1 << 20)
        self.server.run("CLIENT", "KILL", "TYPE", "replica")
        kept, replicas, data = memory()
        self.assertLess(kept, 1 << 20)
        self.assertEqual(replicas, 0)
        self.assertLess(abs(data - before[2]), 1 << 20)

    def test_script_goes_on(self):
        """A script that has written writes on when there aren't enough replicas any more."""
        self.server.run("CONFIG", "SET", "busy-reply-threshold", "1")
        replica = self.follow()
        await_true("the replica is there", replica.is_up)
        self.server.run("CONFIG", "SET", "min-replicas-to-write", "1")
        asks = self.server.connect()
        asks.send(encode([b"EVAL", b"""redis.call('set', KEYS[1], '1')
            repeat local text = redis.call('info', 'replication')
            until text:find('connected_slaves:0', 1, true)
            return redis.call('append', KEYS[1], '2')""", b"1", b"a"]))
        await_true("it runs", lambda: self.server.run("PING").value.startswith(b"BUSY"))
        replica.stop()
        self.assertEqual(asks.read()[0].value, 2)
        asks.close()
        self.assertEqual(self.server.run("SET", "a", "1").value[:10], b"NOREPLICAS")

    def test_good_replicas(self):
        self.server.run("CONFIG", "SET", "min-replicas-to-write", "1")
        refusal = self.server.run("SET", "a", "1").value
        self.assertEqual(refusal, b"NOREPLICAS Not enough good replicas to write.")
        replica = self.follow()
        await_true("the replica is there", replica.is_up)
        self.assertEqual(self.server.run("SET", "a", "1").value, b"OK")
        self.assertEqual(info(self.server, "replication")["min_slaves_good_slaves"], "1")

    def test_nobody_waits_for_it(self):
        load(self.server.control, self.rng, 300)
        self.server.run("SELECT", "0")
        self.server.run("CONFIG", "SET", "rdb-key-save-delay", "100000")
        replica = self.follow()
        self.server.await_info("rdb_bgsave_in_progress", "1")
        replica.stop()
        self.assertTrue(self.server.await_info("rdb_bgsave_in_progress", "0"))


@unittest.skipUnless(REDIS, "there's no redis-server to be the replica")
class End(unittest.TestCase):
    def setUp(self):
        self.server = harness.Server(*FOLLOWED)
        self.addCleanup(self.server.remove)
        self.replica = Replica(self.server)
        self.addCleanup(self.replica.remove)
        await_true("the replica is there", self.replica.is_up)

    def lag(self):
        os.kill(self.replica.process.pid, signal.SIGSTOP)
        self.server.run("SET", "a", "1")

    def test_waits_for_replicas(self):
        self.lag()
        self.server.process.terminate()
        await_true("it waits", lambda: "shutdown_in_milliseconds" in info(self.server, "server"))
        os.kill(self.replica.process.pid, signal.SIGCONT)
        self.server.process.wait(harness.PATIENCE)
        self.assertIn("1 of 1 replicas are in sync", self.server.log_tail())
        self.assertEqual(self.replica.run("GET", "a").value, b"1")

    def test_insisted_upon(self):
        self.lag()
        self.server.process.terminate()
        await_true("it waits", lambda: "shutdown_in_milliseconds" in info(self.server, "server"))
        self.server.process.terminate()
        self.assertEqual(self.server.process.wait(harness.PATIENCE), 1)
        self.server.process.returncode = 0  # as it should be
        os.kill(self.replica.process.pid, signal.SIGCONT)

    def test_aborted(self):
        self.lag()
        asks = self.server.connect()
        asks.send(encode([b"SHUTDOWN"]))
        await_true("it waits", lambda: "shutdown_in_milliseconds" in info(self.server, "server"))
        self.assertEqual(self.server.run("SHUTDOWN", "ABORT").value, b"OK")
        self.assertEqual(asks.read()[0].value, b"ERR Errors trying to SHUTDOWN. Check logs.")
        self.assertEqual(self.server.run("SET", "a", "2").value, b"OK")
        asks.close()
        os.kill(self.replica.process.pid, signal.SIGCONT)


if __name__ == "__main__":
    harness.main()
