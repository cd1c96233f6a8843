#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""redis-py as an application uses it."""
import asyncio
import datetime
import os
import threading
import time

import harness
import redis
import redis.asyncio
from redis.backoff import ConstantBackoff
from redis.retry import Retry

# Classes of their own for some errors came with later versions of redis-py.
OUT_OF_MEMORY = getattr(redis.exceptions, "OutOfMemoryError", redis.ResponseError)


class Application(harness.Case):
    def setUp(self):
        super().setUp()
        self.r = self.client(decode_responses=True)
        self.b = self.client()

    def client(self, **options):
        """A client with a pool of its own, closed after the test."""
        if "unix_socket_path" not in options and "connection_pool" not in options:
            options.setdefault("port", self.server.port)
        options.setdefault("socket_timeout", harness.PATIENCE)
        client = redis.Redis(**options)
        self.addCleanup(client.connection_pool.disconnect)
        return client

    def assert_left(self, left, whole):
        """That so much of a time to live is left is true however slow this machine is."""
        self.assertTrue(whole / 2 < left <= whole, left)

    def patiently(self, call):
        """What a client says in the end that has given up waiting, perhaps, some times before."""
        deadline = time.monotonic() + harness.PATIENCE
        while True:
            try:
                return call()
            except redis.TimeoutError:
                self.assertLess(time.monotonic(), deadline)

    def set_config(self, **values):
        """Sets parameters for the length of the test; _ in their names stands for -."""
        for name, value in values.items():
            name = name.replace("_", "-")
            self.addCleanup(self.server.run, "CONFIG", "SET", name, self.r.config_get(name)[name])
            self.r.config_set(name, value)


class Keys(Application):
    def test_set_options(self):
        r = self.r
        self.assertIs(r.set("a", "1"), True)
        self.assertIsNone(r.set("a", "2", nx=True))
        self.assertIsNone(r.set("none", "2", xx=True))
        self.assertEqual(r.set("a", "2", get=True), "1")
        self.assertTrue(r.set("a", 3.5, ex=1000))
        self.assert_left(r.ttl("a"), 1000)
        self.assertTrue(r.set("a", b"bytes", keepttl=True))
        self.assert_left(r.ttl("a"), 1000)
        self.assertTrue(r.set("a", "1", px=datetime.timedelta(seconds=500)))
        self.assert_left(r.pttl("a"), 500000)
        soon = datetime.datetime.now() + datetime.timedelta(seconds=1000)
        self.assertTrue(r.set("a", "1", exat=soon))
        self.assertEqual(r.expiretime("a"), int(soon.timestamp()))
        self.assertTrue(r.set("a", "1", pxat=int(soon.timestamp() * 1000)))
        self.assertEqual(r.pexpiretime("a"), int(soon.timestamp() * 1000))
        self.assertEqual(r.set("b", "1", get=True, nx=True, ex=10), None)
        self.assertTrue(r.setnx("c", "1"))
        self.assertTrue(r.setex("c", 10, "1") and r.psetex("c", 10000, "1"))

    def test_numbers_and_ranges(self):
        r = self.r
        self.assertEqual([r.incr("n"), r.incr("n", 10), r.decr("n", 3)], [1, 11, 8])
        self.assertEqual(r.incrbyfloat("n", 0.5), 8.5)
        self.assertEqual(r.append("s", "Hello"), 5)
        self.assertEqual(r.setrange("s", 7, "all"), 10)
        self.assertEqual(r.getrange("s", 0, -1), "Hello\0\0all")
        self.assertEqual(r.strlen("s"), 10)
        self.assertTrue(r.mset({"x": 1, "y": 2}))
        self.assertFalse(r.msetnx({"y": 3, "z": 3}))
        self.assertEqual(r.mget("x", "y", "z"), ["1", "2", None])
        r["x"] = "item"
        self.assertEqual(r["x"], "item")
        self.assertIn("x", r)
        del r["x"]
        with self.assertRaises(KeyError):
            r["x"]

    def test_getex_getdel_copy(self):
        r = self.r
        r.set("a", "1")
        self.assertEqual(r.getex("a", ex=1000), "1")
        self.assert_left(r.ttl("a"), 1000)
        self.assertEqual(r.getex("a", persist=True), "1")
        self.assertEqual(r.ttl("a"), -1)
        self.assertTrue(r.copy("a", "b"))
        self.assertFalse(r.copy("a", "b"))
        self.assertTrue(r.copy("a", "b", replace=True))
        self.assertTrue(r.copy("a", "a", destination_db=2))
        self.assertEqual(r.getdel("a"), "1")
        self.assertIsNone(r.getdel("a"))
        self.assertEqual(r.getset("b", "2"), "1")

    def test_generic(self):
        r = self.r
        r.mset({"a": "1", "b": "2" * 100, "c": "text"})
        self.assertEqual(r.exists("a", "b", "none", "a"), 3)
        self.assertEqual(r.type("a"), "string")
        self.assertEqual(r.type("none"), "none")
        self.assertEqual([r.object("encoding", key) for key in "abc"], ["int", "raw", "embstr"])
        self.assertEqual(r.object("refcount", "b"), 1)
        self.assertLessEqual(r.object("idletime", "b"), harness.PATIENCE)
        self.assertTrue(r.rename("a", "d"))
        self.assertFalse(r.renamenx("d", "b"))
        self.assertIn(r.randomkey(), ("b", "c", "d"))
        self.assertEqual(r.touch("b", "c", "none"), 2)
        self.assertEqual(sorted(r.keys("[bc]")), ["b", "c"])
        self.assertTrue(r.move("c", 5))
        self.assertEqual(r.unlink("b", "c"), 1)
        self.assertEqual(r.dbsize(), 1)
        self.assertTrue(r.swapdb(0, 5))
        self.assertEqual(r.get("c"), "text")
        self.assertTrue(r.flushdb(asynchronous=True))
        self.assertTrue(r.flushall())
        self.assertEqual(r.wait(0, 10), 0)
        self.assertEqual(r.echo("hi"), "hi")
        self.assertTrue(abs(r.time()[0] - time.time()) < harness.PATIENCE)

    def test_expiry(self):
        r = self.r
        r.set("a", "1")
        self.assertEqual(r.ttl("none"), -2)
        self.assertEqual(r.ttl("a"), -1)
        self.assertFalse(r.expire("a", 100, xx=True))
        self.assertTrue(r.expire("a", 100, nx=True))
        self.assertFalse(r.expire("a", 50, gt=True))
        self.assertTrue(r.expire("a", datetime.timedelta(seconds=50), lt=True))
        self.assertTrue(r.pexpire("a", 40000))
        later = datetime.datetime.now() + datetime.timedelta(hours=1)
        self.assertTrue(r.expireat("a", later))
        self.assertTrue(r.pexpireat("a", later))
        self.assert_left(r.ttl("a"), 3600)
        self.assertTrue(r.persist("a"))
        self.assertFalse(r.persist("a"))
        self.assertTrue(r.pexpire("a", 20))
        deadline = time.monotonic() + harness.PATIENCE
        while r.get("a") is not None:
            self.assertLess(time.monotonic(), deadline)
        self.assertTrue(r.set("b", "1") and r.expire("b", -1))
        self.assertFalse(r.exists("b"))

    def test_scan_iter(self):
        """Each key that's there throughout is found, while others come and go."""
        r = self.r
        r.mset({"stays:%d" % n: n for n in range(2000)})
        seen = []
        for turn, key in enumerate(r.scan_iter(match="stays:*", count=50)):
            seen.append(key)
            if turn % 50 == 0:
                r.mset({"comes:%d:%d" % (turn, n): n for n in range(50)})
                r.delete(*("comes:%d:%d" % (turn - 100, n) for n in range(50)))
        self.assertEqual(len(set(seen)), 2000)
        self.assertEqual(len(list(r.scan_iter(match="stays:1?", _type="STRING"))), 10)
        self.assertEqual(list(r.scan_iter(_type="zset")), [])
        cursor, keys = r.scan(0, match="none")
        self.assertIsInstance(cursor, int)
        self.assertEqual(keys, [])

    def test_binary(self):
        key, value = bytes(range(256)), bytes(reversed(range(256)))
        self.b.set(key, value)
        self.assertEqual(self.b.get(key), value)
        self.assertEqual(self.b.keys(), [key])
        self.assertEqual(list(self.b.scan_iter()), [key])
        self.b.set(b"", b"")
        self.assertEqual(self.b.get(b""), b"")
        latin = self.client(encoding="latin-1", decode_responses=True)
        latin.set("k\xe4y", "v\xfc")
        self.assertEqual(self.b.get(b"k\xe4y"), b"v\xfc")
        self.r.set("schlüssel ☃", "wert ☃")
        self.assertEqual(self.r.get("schlüssel ☃"), "wert ☃")

    def test_big_values(self):
        value = os.urandom(10 << 20)
        self.assertTrue(self.b.set("big", value))
        self.assertEqual(self.b.get("big"), value)
        self.assertEqual(self.b.getrange("big", 5 << 20, -1), value[5 << 20:])
        self.assertEqual(self.b.append("big", value), 20 << 20)
        self.b.set("key" + "x" * (1 << 20), "1")
        results = self.b.pipeline(transaction=False).set("c", value).get("c").get("none").execute()
        self.assertEqual(results, [True, value, None])
        self.assertEqual(self.b.mget(["c", "c"]), [value, value])

    def test_pipeline(self):
        pipe = self.r.pipeline(transaction=False)
        for n in range(10000):
            pipe.set("k:%d" % n, n).get("k:%d" % n)
        want = [True, None] * 10000
        want[1::2] = [str(n) for n in range(10000)]
        self.assertEqual(pipe.execute(), want)
        pipe.set("s", "text").incr("s").get("s")
        results = pipe.execute(raise_on_error=False)
        self.assertEqual(results[0], True)
        self.assertIsInstance(results[1], redis.ResponseError)
        self.assertEqual(results[2], "text")
        pipe.set("s", "2").incr("s").incr("k:1", 1 << 62).incr("k:1", 1 << 62)
        with self.assertRaisesRegex(redis.ResponseError, "^Command # 4 .*would overflow$"):
            pipe.execute()
        self.assertEqual(self.r.get("s"), "3")


class Types(Application):
    def test_bits(self):
        r = self.b
        self.assertEqual([r.setbit("a", 7, 1), r.getbit("a", 7), r.getbit("a", 8)], [0, 1, 0])
        r.set("b", b"\xff\xf0\x00")
        self.assertEqual(r.bitcount("b"), 12)
        self.assertEqual(r.bitcount("b", 1, 2), 4)
        self.assertEqual(r.bitcount("b", 4, 9, "BIT"), 6)
        self.assertEqual(r.bitpos("b", 0), 12)
        self.assertEqual(r.bitpos("b", 1, 2, -1), -1)
        self.assertEqual(r.bitop("AND", "c", "a", "b"), 3)
        self.assertEqual(r.bitop("NOT", "c", "b"), 3)
        self.assertEqual(r.get("c"), b"\x00\x0f\xff")

    def test_bitfield(self):
        field = self.r.bitfield("f")
        self.assertEqual(field.set("u8", 0, 255).get("u4", "#1").incrby("i5", 100, 3).execute(),
                         [0, 15, 3])
        self.assertEqual(field.incrby("u2", 100, 3, overflow="FAIL").execute(), [3])
        field = self.r.bitfield("f", default_overflow="SAT")
        self.assertEqual(field.incrby("u8", 0, 10).overflow("WRAP").incrby("u8", 0, 1).execute(),
                         [255, 0])
        if hasattr(self.r, "bitfield_ro"):
            self.assertEqual(self.r.bitfield_ro("f", "u8", 0), [0])

    def test_hyperloglog(self):
        r = self.r
        self.assertEqual(r.pfadd("a", "x", "y", "z"), 1)
        self.assertEqual(r.pfadd("a", "x"), 0)
        self.assertEqual(r.pfadd("b", "z", "w"), 1)
        self.assertEqual(r.pfcount("a", "b"), 4)
        self.assertTrue(r.pfmerge("c", "a", "b"))
        self.assertEqual(r.pfcount("c"), 4)
        r.pfadd("d", *range(10000))
        self.assertTrue(9700 < r.pfcount("d") < 10300)
        copy = self.b.get("d")
        self.b.set("e", copy)
        self.assertEqual(r.pfcount("e"), r.pfcount("d"))

    def test_lcs(self):
        r = self.r
        r.mset({"a": "ohmytext", "b": "mynewtext"})
        self.assertEqual(r.lcs("a", "b"), "mytext")
        self.assertEqual(r.lcs("a", "b", len=True), 6)
        self.assertEqual(r.lcs("a", "b", idx=True, withmatchlen=True, minmatchlen=3),
                         ["matches", [[[4, 7], [5, 8], 4]], "len", 6])


class Server(Application):
    options = ("--unixsocket", "socket", "--unixsocketperm", "700")

    def test_config(self):
        r = self.r
        everything = r.config_get()
        self.assertGreater(len(everything), 150)
        self.assertEqual(everything["port"], str(self.server.port))
        self.assertEqual(r.config_get("maxmemory-samples", "hz"),
                         {"maxmemory-samples": "5", "hz": "10"})
        self.set_config(maxmemory="100mb", timeout=300)
        self.assertEqual(r.config_get("maxmemory"), {"maxmemory": "104857600"})
        with self.assertRaisesRegex(redis.ResponseError, "maxmemory-policy"):
            r.config_set("maxmemory-policy", "nonsense")
        self.assertTrue(r.config_resetstat())
        with self.assertRaisesRegex(redis.ResponseError, "running without a config file"):
            r.config_rewrite()

    def test_info(self):
        r = self.r
        r.mset({"a": "1", "b": "2"})
        r.expire("a", 100)
        with self.assertRaises(redis.ResponseError):
            r.incrbyfloat("a", "x")
        info = r.info()
        self.assertTrue(info["redis_version"].startswith("7."))
        self.assertEqual(info["redis_mode"], "standalone")
        self.assertEqual(info["tcp_port"], self.server.port)
        self.assertEqual(info["process_id"], self.server.process.pid)
        self.assertEqual(info["role"], "master")
        self.assertEqual(info["loading"], 0)
        self.assertGreater(info["used_memory"], 0)
        self.assertIsInstance(info["mem_fragmentation_ratio"], float)
        self.assertEqual((info["db0"]["keys"], info["db0"]["expires"]), (2, 1))
        self.assertIn(info["errorstat_ERR"], ("count=1", {"count": 1}))
        for section in ("server", "clients", "memory", "persistence", "stats", "replication",
                        "cpu", "errorstats", "cluster", "keyspace", "commandstats",
                        "latencystats"):
            self.assertTrue(r.info(section), section)
        stats = r.info("commandstats")
        self.assertEqual(stats["cmdstat_mset"]["calls"], 1)
        self.assertEqual(stats["cmdstat_incrbyfloat"]["failed_calls"], 1)
        self.assertIn("p99.9", r.info("latencystats")["latency_percentiles_usec_mset"])
        self.assertTrue(set(info) < set(r.info("everything")))
        self.assertEqual(r.info("nonsense"), {})

    def test_commands(self):
        r = self.r
        commands = r.command()
        self.assertEqual(len(commands), r.command_count())
        self.assertEqual(commands["get"]["arity"], 2)
        self.assertEqual(commands["get"]["flags"], ["readonly", "fast"])
        self.assertEqual(commands["mset"]["step_count"], 2)
        self.assertTrue({"get", "set", "client", "config", "info"} < set(commands))
        self.assertTrue(set(commands) | {"client|id", "config|get"} <= set(r.command_list()))
        self.assertEqual(sorted(r.command_list(category="hyperloglog")),
                         ["pfadd", "pfcount", "pfdebug", "pfmerge", "pfselftest"])
        self.assertEqual(r.command_getkeys("MSET", "a", "1", "b", "2"), ["a", "b"])
        self.assertEqual(r.command_getkeysandflags("SET", "a", "1"),
                         [["a", ["OW", "update"]]])
        docs = r.execute_command("COMMAND DOCS", "set")
        self.assertEqual(docs[0], "set")
        docs = dict(zip(docs[1][::2], docs[1][1::2]))
        self.assertEqual((docs["since"], docs["group"]), ("1.0.0", "string"))
        every = r.execute_command("COMMAND DOCS")
        self.assertEqual(set(every[::2]), set(commands))

    def test_clients(self):
        r = self.client(decode_responses=True, single_connection_client=True)
        self.assertTrue(r.client_setname("me"))
        self.assertEqual(r.client_getname(), "me")
        me = r.client_info()
        self.assertEqual((me["name"], int(me["id"])), ("me", r.client_id()))
        self.assertIn("me", [client["name"] for client in r.client_list()])
        self.assertEqual([client["id"] for client in r.client_list(client_id=[str(me["id"])])],
                         [str(me["id"])])
        self.assertEqual(r.client_list(_type="pubsub"), [])
        self.assertTrue(r.client_no_evict("ON"))
        self.assertEqual(r.client_getredir(), -1)
        self.assertFalse(r.client_unblock(me["id"]))
        self.assertTrue(r.client_pause(10) and r.client_unpause())
        other = self.client(client_name="other")
        other.ping()
        address = [c["addr"] for c in r.client_list() if c["name"] == "other"][0]
        self.assertTrue(r.client_kill(address))
        other.ping()
        self.assertEqual(r.client_kill_filter(_type="normal", skipme=True, user="default") > 0,
                         True)
        self.assertEqual(r.client_kill_filter(_id="999999"), 0)
        with self.assertRaisesRegex(redis.ResponseError, "No such client"):
            r.client_kill("1.2.3.4:5")

    def test_monitor(self):
        with self.r.monitor() as monitor:
            self.client().set("a key", "a \"value\"\r\n")
            while (shown := monitor.next_command())["command"].startswith("CLIENT"):
                pass
        self.assertEqual((shown["command"], shown["db"], shown["client_type"]),
                         ('SET a key a "value"\\r\\n', 0, "tcp"))
        self.assertAlmostEqual(shown["time"], time.time(), delta=60)

    def test_memory(self):
        self.r.set("a", "x" * 1000)
        self.assertTrue(1000 < self.r.memory_usage("a") < 2000)
        self.assertIsNone(self.r.memory_usage("none", samples=5))
        stats = self.r.memory_stats()
        self.assertEqual(stats["keys.count"], 1)
        self.assertTrue(self.r.memory_purge())
        self.assertIsInstance(self.r.memory_malloc_stats(), str)
        self.assertIn(str(self.r.info()["redis_version"]), self.r.lolwut())

    def test_errors(self):
        r = self.r
        r.set("a", "text")
        for call, message in (
                (lambda: r.incr("a"), "^value is not an integer or out of range$"),
                (lambda: r.pfadd("a", "x"), "^WRONGTYPE Key is not a valid HyperLogLog"),
                (lambda: r.execute_command("NOSUCH", "x"), "^unknown command 'NOSUCH', with args"),
                (lambda: r.execute_command("GET"), "^wrong number of arguments for 'get' command$"),
                (lambda: r.set("a", "1", ex=0), "^invalid expire time in 'set' command$"),
                (lambda: r.setrange("a", 1 << 40, "x"), "exceeds maximum allowed size"),
                (lambda: r.rename("none", "b"), "^no such key$"),
                (lambda: r.execute_command("SELECT", "99"), "^DB index is out of range$")):
            with self.assertRaisesRegex(redis.ResponseError, message):
                call()
        self.assertEqual(r.get("a"), "text")

    def test_out_of_memory(self):
        self.set_config(maxmemory="1")
        with self.assertRaisesRegex(OUT_OF_MEMORY, "command not allowed when used memory"):
            self.r.set("a", "1")
        self.assertIsNone(self.r.get("a"))

    def test_too_many_clients(self):
        self.r.ping()
        self.b.ping()
        self.server.await_info("connected_clients", "3")  # the harness has one
        self.set_config(maxclients=3)
        with self.assertRaisesRegex(redis.ConnectionError, "max number of clients|not ready"):
            self.client().ping()
        self.r.ping()

    def test_unix_socket(self):
        path = os.path.join(self.server.directory, "socket")
        r = self.client(unix_socket_path=path, db=3)
        value = os.urandom(1 << 20)
        self.assertTrue(r.set("a", value))
        self.assertEqual(r.get("a"), value)
        r = redis.Redis.from_url("unix://%s?db=3" % path)
        self.addCleanup(r.connection_pool.disconnect)
        self.assertEqual(r.get("a"), value)
        self.assertFalse(self.b.exists("a"))

    def test_databases(self):
        for db in (0, 7, 15):
            self.client(db=db).set("db", db)
        self.assertEqual([self.client(db=db).get("db") for db in (0, 7, 15)], [b"0", b"7", b"15"])
        r = redis.Redis.from_url("redis://127.0.0.1:%d/7" % self.server.port)
        self.addCleanup(r.connection_pool.disconnect)
        self.assertEqual(r.get("db"), b"7")
        with self.assertRaisesRegex(redis.RedisError, "DB index is out of range|Invalid Database"):
            self.client(db=16).ping()

    def test_timeout(self):
        """A reply that comes too late is never taken for another's."""
        r = self.client(socket_timeout=0.05)
        self.assertTrue(self.patiently(lambda: r.set("a", "1")))
        sleeper = threading.Thread(target=self.b.execute_command, args=("DEBUG", "SLEEP", "0.3"))
        deadline = time.monotonic() + harness.PATIENCE
        with self.assertRaises(redis.TimeoutError):
            while time.monotonic() < deadline:  # it's in time if this side is held up
                r.execute_command("DEBUG", "SLEEP", "0.2")
        self.assertEqual(self.r.get("a"), "1")
        sleeper.start()
        patient = self.client(socket_timeout=0.05, retry=Retry(ConstantBackoff(0.01), 1000),
                              retry_on_timeout=True)
        self.assertEqual(patient.get("a"), b"1")
        sleeper.join()
        self.assertEqual(self.patiently(lambda: r.get("a")), b"1")

    def test_watching(self):
        """The slow log, and where time goes."""
        self.r.config_set("slowlog-log-slower-than", 0)
        self.r.set("a", "x" * 200)
        self.r.config_set("slowlog-log-slower-than", -1)
        self.r.config_set("requirepass", "")
        log = self.r.slowlog_get(10)
        self.assertEqual(self.r.slowlog_len(), len(log))
        entry = next(e for e in log if e["command"].startswith(b"SET a"))
        self.assertEqual(entry["command"], b"SET a " + b"x" * 128 + b"... (72 more bytes)")
        self.assertTrue(entry["duration"] >= 0 and entry["start_time"] <= time.time() + 1)
        self.assertTrue(self.r.slowlog_reset())
        self.assertEqual(self.r.slowlog_len(), 0)
        self.r.config_set("latency-monitor-threshold", 1)
        self.r.eval("for i = 1, 3000000 do end", 0)
        latest = {event[0]: event[1:] for event in self.r.execute_command("LATENCY", "LATEST")}
        when, last, worst = latest["command"]
        self.assertTrue(1 <= last <= worst and abs(when - time.time()) < harness.PATIENCE)
        self.assertIn([when, worst], self.r.execute_command("LATENCY", "HISTORY", "command"))
        self.assertTrue(self.r.execute_command("LATENCY", "RESET") >= 1)


class Sharing(Application):
    def test_50_threads_share_a_pool(self):
        pool = redis.BlockingConnectionPool(port=self.server.port, max_connections=20,
                                            timeout=harness.PATIENCE)
        r = self.client(connection_pool=pool)
        wrong = []

        def work(me):
            try:
                for n in range(20):
                    r.incr("total")
                    r.set("k:%d:%d" % (me, n), "%d" % (me * n), ex=100)
                    if r.get("k:%d:%d" % (me, n)) != b"%d" % (me * n):
                        wrong.append((me, n))
                pipe = r.pipeline(transaction=False)
                for n in range(20):
                    pipe.get("k:%d:%d" % (me, n))
                if pipe.execute() != [b"%d" % (me * n) for n in range(20)]:
                    wrong.append(me)
            except Exception as error:  # whatever it is, the test is to show it
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(me,)) for me in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(r.get("total"), b"1000")
        self.assertEqual(r.dbsize(), 1001)
        self.assertLessEqual(r.info("clients")["connected_clients"], 24)

    def test_asyncio(self):
        async def work():
            r = redis.asyncio.Redis(port=self.server.port, decode_responses=True,
                                    max_connections=200)
            await asyncio.gather(*(r.set("k:%d" % n, n) for n in range(200)))
            got = await asyncio.gather(*(r.get("k:%d" % n) for n in range(200)))
            keys = {key async for key in r.scan_iter(match="k:*")}
            pipe = r.pipeline(transaction=False).incr("n").incr("n").get("n")
            results = await pipe.execute()
            await r.close()
            await r.connection_pool.disconnect()
            return got, keys, results

        got, keys, results = asyncio.run(work())
        self.assertEqual(got, [str(n) for n in range(200)])
        self.assertEqual(keys, {"k:%d" % n for n in range(200)})
        self.assertEqual(results, [1, 2, "2"])


class Password(Application):
    options = ("--requirepass", "s3cret word")

    def setUp(self):
        self.server.run("AUTH", "s3cret word")
        super().setUp()

    def test_password(self):
        self.assertTrue(self.client(password="s3cret word").ping())
        self.assertTrue(self.client(username="default", password="s3cret word", db=2).ping())
        r = redis.Redis.from_url("redis://:s3cret%%20word@127.0.0.1:%d/1" % self.server.port)
        self.addCleanup(r.connection_pool.disconnect)
        self.assertTrue(r.ping())

    def test_no_password(self):
        with self.assertRaisesRegex(redis.AuthenticationError, "Authentication required"):
            self.r.ping()

    def test_wrong_password(self):
        for options in ({"password": "wrong"}, {"username": "nobody", "password": "s3cret word"}):
            with self.assertRaisesRegex(redis.RedisError, "(?i)invalid username-password pair"):
                self.client(**options).ping()


class Restart(Application):
    def test_pool_after_restart(self):
        """Connections that the old server closed are replaced without the caller noticing."""
        health = self.client(health_check_interval=1, decode_responses=True)
        once = self.client(retry_on_error=[redis.ConnectionError], single_connection_client=True)
        for r in (self.r, self.b, health, once):
            r.set("a", "1")
        self.server.restart()
        for r in (self.r, self.b, health, once):
            self.assertIsNone(r.get("a"))
            self.assertTrue(r.set("a", "1") and r.delete("a"))

    def test_while_it_is_down(self):
        patient = self.client(retry=Retry(ConstantBackoff(0.02), 5000),
                              retry_on_error=[redis.ConnectionError, ConnectionRefusedError])
        self.assertTrue(patient.ping() and self.b.ping())
        self.server.stop()
        with self.assertRaises(redis.ConnectionError):
            self.b.ping()
        replies = []
        waiting = threading.Thread(target=lambda: replies.append(patient.set("a", "1")))
        waiting.start()
        self.server.start()
        waiting.join()
        self.assertEqual(replies, [True])
        self.assertTrue(self.b.ping())

    def test_idle_connections_closed_by_the_server(self):
        r = self.client(health_check_interval=1)
        for _ in range(3):
            self.assertTrue(r.set("a", "1"))
            self.server.run("CLIENT", "KILL", "TYPE", "normal")
        self.assertEqual(r.get("a"), b"1")


if __name__ == "__main__":
    harness.main()
