#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Scripts as applications run them: redis-py's locks and registered scripts; and what becomes of
clients and of the server while a script doesn't end."""
import socket
import threading
import time

import redis

import harness


class Endless(harness.Case):
    def client(self, **options):
        client = redis.Redis(port=self.server.port, **options)
        self.addCleanup(client.connection_pool.disconnect)
        return client

    def run_for_ever(self, script="while true do end"):
        """Starts a script that doesn't end; returns its socket once others are told so."""
        self.client().config_set("busy-reply-threshold", 10)
        endless = socket.create_connection(("127.0.0.1", self.server.port))
        self.addCleanup(endless.close)
        text = script.encode()
        endless.sendall(b"*3\r\n$4\r\nEVAL\r\n$%d\r\n%s\r\n$1\r\n0\r\n" % (len(text), text))
        client = self.client()
        until = time.monotonic() + harness.PATIENCE
        while time.monotonic() < until:
            try:
                client.ping()
            except redis.exceptions.RedisError as error:
                self.assertIn("BUSY", repr(error) + str(error).upper())
                return endless
        self.fail("nobody is told that a script runs")


class Scripts(Endless):
    def test_lock(self):
        client = self.client()
        lock = client.lock("lock", timeout=1000, thread_local=False)
        self.assertTrue(lock.acquire())
        self.assertFalse(self.client().lock("lock", timeout=1000).acquire(blocking=False))
        self.assertTrue(lock.extend(500))
        self.assertGreater(client.pttl("lock"), 1400 * 1000)
        self.assertTrue(lock.reacquire())
        self.assertLess(client.pttl("lock"), 1001 * 1000)
        self.assertTrue(lock.owned())
        lock.release()
        self.assertEqual(client.exists("lock"), 0)
        with self.assertRaises(redis.exceptions.LockError):
            lock.release()

    def test_registered_script(self):
        client = self.client(decode_responses=True)
        add = client.register_script(
            "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1]) .. '!'")
        self.assertEqual(add(keys=["k"], args=["v"]), "v!")
        client.script_flush()
        self.assertEqual(add(keys=["k"], args=["w"]), "w!")  # NOSCRIPT: it's loaded again
        pipe = client.pipeline()
        add(keys=["a"], args=[1], client=pipe)
        add(keys=["b"], args=[2], client=pipe)
        client.script_flush()
        self.assertEqual(pipe.execute(), ["1!", "2!"])
        self.assertEqual(client.script_exists(add.sha), [True])

    def test_messages_of_jobs(self):
        client = self.client(decode_responses=True)
        done = client.register_script(
            "local job = cjson.decode(ARGV[1])\n"
            "local opts = cmsgpack.unpack(ARGV[2])\n"
            "redis.call('HSET', KEYS[1], 'name', job.name, 'attempts', #job.tries, 'keep', opts.keep)\n"
            "return cjson.encode({id = job.id, tries = job.tries})")
        packed = b"\x81\xa4keep\x05"
        self.assertEqual(done(keys=["job"], args=['{"id":7,"name":"mail","tries":[1,2]}', packed]),
                         '{"id":7,"tries":[1,2]}')
        self.assertEqual(client.hgetall("job"), {"name": "mail", "attempts": "2", "keep": "5"})

    def test_kill(self):
        endless = self.run_for_ever()
        client = self.client()
        self.assertTrue(client.script_kill())
        self.assertIn(b"-ERR Script killed by user with SCRIPT KILL", endless.recv(1000))
        endless.sendall(b"PING\r\n")
        self.assertEqual(endless.recv(100), b"+PONG\r\n")
        self.assertTrue(client.ping())

    def test_who_runs_it_goes(self):
        endless = self.run_for_ever()
        endless.close()
        client = self.client()
        with self.assertRaises(redis.exceptions.RedisError):
            client.get("x")
        self.assertTrue(client.script_kill())
        self.assertIsNone(client.get("x"))

    def test_many_are_told(self):
        self.run_for_ever()
        told = []

        def ask():
            client = redis.Redis(port=self.server.port)
            try:
                client.get("x")
            except redis.exceptions.RedisError as error:
                told.append(str(error))
            client.connection_pool.disconnect()

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(told), 20)
        self.assertTrue(self.client().script_kill())


class BesideLoading(Endless):
    """A replica that loads beside its old data serves scripts, too, and others beside those."""

    KEYS = 2000
    options = ("--repl-diskless-load", "swapdb", "--busy-reply-threshold", "1",
               "--loading-process-events-interval-bytes", "1024")

    def info(self, section, field):
        return self.client().info(section).get(field)

    def await_info(self, section, field, value):
        until = time.monotonic() + harness.PATIENCE
        while self.info(section, field) != value:
            self.assertLess(time.monotonic(), until, "%s isn't %s" % (field, value))

    def start_loading(self):
        """The connection is cut while more is written than the primary keeps for that."""
        primary = harness.Server("--repl-diskless-sync-delay", "0", "--repl-backlog-size", "16kb")
        self.addCleanup(primary.remove)
        there = redis.Redis(port=primary.port)
        self.addCleanup(there.connection_pool.disconnect)
        there.mset({"key:%d" % i: "v" * 20 for i in range(self.KEYS)})
        here = self.client()
        here.replicaof("127.0.0.1", primary.port)
        self.await_info("replication", "master_link_status", "up")
        here.config_set("key-load-delay", 20000)
        pipe = there.pipeline(transaction=True)
        pipe.execute_command("CLIENT", "KILL", "TYPE", "replica")
        for i in range(500):
            pipe.set("other:%d" % i, "x" * 100)
        pipe.execute()
        self.await_info("persistence", "async_loading", 1)

    def test_script_while_loading(self):
        self.start_loading()
        script, others = self.client(), [self.client() for _ in range(8)]
        slow = "for i = 1, 20000000 do end return redis.call('GET', KEYS[1])"
        got = []
        thread = threading.Thread(target=lambda: got.extend(script.eval(slow, 1, "key:%d" % i)
                                                            for i in range(5)))
        thread.start()
        told = 0
        while thread.is_alive():
            for i, client in enumerate(others):
                try:
                    self.assertEqual(client.get("key:%d" % i), b"v" * 20)
                except redis.exceptions.RedisError as error:
                    self.assertIn("BUSY", repr(error) + str(error).upper())
                    told += 1
        thread.join()
        self.assertEqual(got, [b"v" * 20] * 5)
        self.assertGreater(told, 0)
        self.assertEqual(self.info("persistence", "async_loading"), 1)
        self.client().config_set("key-load-delay", 0)
        self.await_info("replication", "master_link_status", "up")
        self.assertEqual(self.client().dbsize(), self.KEYS + 500)
        self.client().replicaof("NO", "ONE")


class Shutdown(Endless):
    def test_shutdown_while_a_script_runs(self):
        self.run_for_ever("redis.call('SET', 'a', 1) "
                          "while true do pcall(function() while true do end end) end")
        client = self.client()
        with self.assertRaisesRegex(redis.exceptions.RedisError, "already executed write"):
            client.script_kill()
        try:
            client.execute_command("SHUTDOWN", "NOSAVE")
        except redis.exceptions.ConnectionError:
            pass
        self.server.process.wait(timeout=harness.PATIENCE)
        self.assertEqual(self.server.process.returncode, 0)


if __name__ == "__main__":
    harness.main()
