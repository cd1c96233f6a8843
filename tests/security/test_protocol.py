#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a connection can do to the server before anybody has asked who it is, and with requests
that are cut, too long or never read."""
import os
import socket
import stat
import struct
import threading

from attack import Case, MB, MOST, PATIENCE, harness, main, plain

PASSWORD = "correct horse"


def array(*args):
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in args)


class Requests(Case):
    """By clients with all rights."""

    def refused(self, sent, error):
        connection = self.connect()
        connection.send(sent)
        self.assertEqual(self.closes(connection), b"-ERR Protocol error: %s\r\n" % error)

    def test_cve_2021_21309_announced_lengths(self):
        """Lengths are compared in 64 bits, and memory follows what came, not what was announced."""
        self.set_config("proto-max-bulk-len", MOST)
        before = self.memory()
        for count in ("4294967297", "9223372036854775808", "18446744073709551617"):
            self.refused(b"*%s\r\n" % count.encode(), b"invalid multibulk length")
        for size in ("9223372036854775808", "18446744073709551618", "-1", "-9223372036854775808", "0x1", ""):
            self.refused(b"*1\r\n$%s\r\n" % size.encode(), b"invalid bulk length")
        waiting = []
        for size in (1 << 31, (1 << 32) + 2, 1 << 40, (1 << 63) - 1):
            waiting.append(self.connect())
            waiting[-1].send(b"*2\r\n$4\r\nECHO\r\n$%d\r\nabc" % size)
        waiting.append(self.connect())
        waiting[-1].send(b"*2147483647\r\n$1\r\na\r\n")
        self.ask("PING")
        self.assertLess(self.memory(), before + MB)
        for connection in waiting:
            connection.close()

    def test_cve_2021_41099_arguments_beyond_the_limit(self):
        self.set_config("proto-max-bulk-len", "1mb")
        self.refused(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (MB + 1), b"invalid bulk length")
        self.assertEqual(self.ask("STRLEN", "k"), 0)

    def test_cve_2023_41056_buffers_that_grow_and_shrink(self):
        """Requests whose parts come apart, so that memory for the rest is taken, given back while
        nothing comes, and taken again."""
        self.set_config("hz", 100)
        for size in (100, 16 * 1024, 32 * 1024 - 1, 32 * 1024, 40000, 300000, 2 * MB):
            value = os.urandom(size)
            sent = array(b"SET", b"k", value) + array(b"ECHO", b"x" * 20000)
            client = self.connect(("CLIENT", "ID"))
            name = client.command("CLIENT", "ID").value
            for start, end in ((0, len(sent) // 3), (len(sent) // 3, len(sent) // 2), (len(sent) // 2, None)):
                client.send(sent[start:end])
                if end and size in (16 * 1024, 300000):
                    self.await_trimmed(name)
            self.assertEqual(client.read()[0].value, b"OK")
            self.assertEqual(client.read()[0].value, b"x" * 20000)
            self.assertEqual(client.command("GET", "k").value, value)
            client.close()

    def await_trimmed(self, client):
        def settled():
            line = self.ask("CLIENT", "LIST", "ID", client)
            memory = line.split(" qbuf-free=")[1].split()[0]
            seen.append(memory)
            return len(seen) > 2 and seen[-1] == seen[-2] and int(memory) < 65536
        seen = []
        self.await_true("input memory given back", settled)

    def test_cve_2025_46686_many_small_arguments(self):
        """Each takes a few bytes of request, and more than that of memory; the limit of what a client may
        send bounds it."""
        self.set_config("client-query-buffer-limit", MB)
        before = self.memory()
        client = self.connect()
        client.send(b"*1000000\r\n" + b"$1\r\na\r\n" * 160000)
        self.assertEqual(self.closes(client), b"")
        self.assertLess(self.memory(), before + 8 * MB)
        client = self.connect()
        client.send(b"*100\r\n" + (b"$300000\r\n" + b"x" * 300000 + b"\r\n") * 5)
        self.assertEqual(self.closes(client), b"")

    def test_cve_2025_49112_replies_of_unknown_length_to_who_does_not_read(self):
        """Valkey miscounted the bytes of a reply whose length was written later."""
        for i in range(300):
            self.ask("SADD", "s%d" % (i % 3), "member:%d" % i)
            self.ask("ZADD", "z", i, "member:%d" % i)
        self.set_config("client-output-buffer-limit", "normal 200000 100000 1")
        for mode in (b"2", b"3"):
            client = self.connect()
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.send(array(b"HELLO", mode) + (
                array(b"KEYS", b"*") + array(b"SUNION", b"s0", b"s1", b"s2") + array(b"CONFIG", b"GET", b"*") +
                array(b"ZRANGEBYSCORE", b"z", b"-inf", b"+inf") + array(b"SCAN", b"0")) * 500)
            self.await_true("who doesn't read is closed", lambda: self.info("connected_clients") == 1)
            client.close()

    def test_cve_2026_23479_who_waits_is_evicted_as_it_is_served(self):
        self.set_config("maxmemory-clients", "2mb")
        for command in (b"BLPOP l 0\r\n", b"BLMPOP 0 1 l LEFT\r\n", b"BLMOVE l m LEFT LEFT 0\r\n",
                        b"XREAD BLOCK 0 STREAMS s $\r\n"):
            evicted = self.info("evicted_clients")
            waiting = [self.connect() for _ in range(8)]
            for client in waiting:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.send(command)
            self.await_true("all wait", lambda: self.info("blocked_clients") == 8)
            self.ask("EVAL", "local big = ('x'):rep(4000000) for i = 1, 8 do redis.call('RPUSH', 'l', big) end redis.call('XADD', 's', '*', 'f', big)", 0)
            self.await_true("somebody is evicted", lambda seen=evicted: self.info("evicted_clients") > seen)
            for client in waiting:
                client.close()
            self.await_true("all are gone", lambda: self.info("connected_clients") == 1)
            self.ask("FLUSHALL")

    def test_the_slow_log_of_large_arguments(self):
        """They have memory of their own, which is given back right after the command."""
        self.set_config("slowlog-log-slower-than", 0)
        for command in (("SET", "k"), ("HSET", "h", "f"), ("APPEND", "k"), ("LPUSH", "l")):
            self.ask("SLOWLOG", "RESET")
            self.ask(*command, "x" * 300000)
            entries = [entry[3] for entry in self.ask("SLOWLOG", "GET", -1)]
            self.assertIn([*command, "x" * 128 + "... (299872 more bytes)"], entries)

    def test_who_subscribes_and_leaves_amid_a_request(self):
        """A timer of a connection that has ended must not stay."""
        for _ in range(20):
            clients = [self.connect(("SUBSCRIBE", "c"), ("PSUBSCRIBE", "p*")) for _ in range(10)]
            for client in clients:
                client.send(b"*2\r\n$4\r\nPING\r\n$1000\r\nx")
            self.ask("PING")
            for client in clients:
                client.close()
        self.await_true("all are gone", lambda: self.info("connected_clients") == 1)

    def test_cve_2026_27623_after_requests_of_nothing(self):
        client = self.connect()
        client.send(b"*0\r\n*-1\r\n\r\nPING\r\n*0\r\n" + array(b"ECHO",
                                                               b"x") + b"*-5\r\n\r\n\r\n" + array(b"PING"))
        self.assertEqual([plain(client.read()[0]) for _ in range(3)], ["PONG", "x", "PONG"])

    def test_cve_2021_31294_a_replica_that_writes(self):
        replica = self.connect(("REPLCONF", "listening-port", "1"))
        replica.send(array(b"PSYNC", b"?", b"-1"))
        self.assertIn(b"FULLRESYNC", replica.socket.recv(65536))
        replica.send(array(b"SET", b"k", b"v") + array(b"DEBUG", b"SLEEP", b"0") + array(b"MULTI") +
                     array(b"BLPOP", b"l", b"0") + array(b"EXEC") + array(b"SUBSCRIBE", b"c") * 3)
        self.ask("PING")
        replica.close()


class Unauthenticated(Case):
    options = ("--requirepass", PASSWORD)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.control.command("AUTH", PASSWORD)

    def test_cve_2021_32675_lengths(self):
        """Who isn't authenticated may send ten arguments of 16 KB."""
        before = self.memory()
        for sent, error in ((b"*11\r\n", b"unauthenticated multibulk length"),
                            (b"*1000000\r\n", b"unauthenticated multibulk length"),
                            (b"*2\r\n$16385\r\n", b"unauthenticated bulk length"),
                            (b"*1\r\n$536870912\r\n", b"unauthenticated bulk length"),
                            (b"PING " + b"x" * 65536, b"too big inline request")):
            client = self.connect()
            client.send(sent)
            self.assertEqual(self.closes(client), b"-ERR Protocol error: " + error + b"\r\n")
        held = [self.connect() for _ in range(20)]
        for client in held:
            client.send(b"*10\r\n" + b"$16384\r\n%s\r\n" % (b"x" * 16384) * 9 + b"$16384\r\n")
        self.ask("PING")
        self.assertLess(self.memory(), before + 20 * 400 * 1024)
        for client in held:
            client.close()

    def test_cve_2025_21605_replies_that_are_not_read(self):
        """Errors, too, take memory while nobody reads them. The server closes the connection, or takes
        no more requests from it."""
        client = self.connect()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.setblocking(False)
        before, most, refused, sent = self.memory(), 0, 0, 0
        while refused < 20:
            try:
                sent += client.socket.send(b"*1\r\n$4\r\nPING\r\n" * 1000)
                refused = 0
            except BlockingIOError:
                refused += 1
            except (BrokenPipeError, ConnectionResetError):
                break
            most = max(most, self.memory())
            self.assertLess(sent, 1000 * MB, "it may go on for ever")
        self.assertLess(most, before + MB)
        client.close()

    def test_cve_2025_48367_connections_that_fail(self):
        """Errors of some connections don't keep others from being accepted."""
        for _ in range(100):
            reset = socket.create_connection(("127.0.0.1", self.server.port))
            reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            reset.send(b"*-2\r\n*x\r\n\0\xff")
            reset.close()
        client = self.connect(("AUTH", PASSWORD))
        self.assertEqual(plain(client.command("PING")), "PONG")
        client.close()

    def test_nothing_is_served(self):
        """All commands there are, with and without arguments."""
        names = self.ask("COMMAND", "LIST")
        self.assertGreater(len(names), 200)
        client, served = self.connect(), []
        for name in names:
            if name in ("quit", "auth", "hello", "reset", "exec") or "|" in name:
                continue
            for args in ((), ("a",), ("a", "b"), ("a", "b", "c")):
                reply = plain(client.command(name, *args))
                if reply != "-NOAUTH Authentication required." and not reply.startswith("-ERR wrong number") and \
                        not reply.startswith("-ERR unknown subcommand"):
                    served.append((name, args, reply))
        self.assertEqual(served, [])
        client.close()


class UnixSocket(Case):
    def test_cve_2023_45145_nobody_else_connects_before_its_mode_is_set(self):
        """Looks at the socket's mode all the time while servers start."""
        for _ in range(5):
            directory, modes, done = self.server.directory, set(), threading.Event()
            path = os.path.join(directory, "s")

            def watch():
                while not done.is_set():
                    try:
                        modes.add(stat.S_IMODE(os.stat(path).st_mode))
                    except FileNotFoundError:
                        pass

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                other = harness.Server("--unixsocket", path, "--unixsocketperm", "700")
                other.remove()
            finally:
                done.set()
                watcher.join()
            self.assertLessEqual(modes, {0o700})


class HostileServers(Case):
    """What the server asks others as a client: CVE-2021-32762 and CVE-2021-32765 were in the
    libraries that read their answers."""

    def answered_with(self, answer):
        """A port at which whoever connects gets the answer to anything."""
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    try:
                        peer.settimeout(PATIENCE)
                        peer.recv(65536)
                        peer.sendall(answer)
                        peer.shutdown(socket.SHUT_WR)
                        while peer.recv(65536):
                            pass
                    except OSError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()

        def stop():
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(PATIENCE)

        self.addCleanup(stop)
        return listener.getsockname()[1]

    ANSWERS = (b"*1073741824\r\n", b"*9223372036854775807\r\n$1\r\n", b"$9223372036854775807\r\nx", b"$-5\r\n",
               b"*-5\r\n", b"%1073741824\r\n", b"+" + b"x" * 100000, b"\0" * 1000, b"-\r\n-\r\n-\r\n",
               b"*1\r\n" * 50000)

    def test_cve_2021_32762_targets_of_migrate(self):
        self.ask("SET", "k", "v")
        before = self.memory()
        for answer in self.ANSWERS:
            port = self.answered_with(answer)
            with self.subTest(answer=answer[:30]):
                self.table(("-", "MIGRATE", "127.0.0.1", port, "k", 0, 20000, "AUTH", "x"), ("v", "GET", "k"))
        self.assertLess(self.memory(), before + MB)

    def test_cve_2021_32765_primaries(self):
        before = self.memory()
        for answer in self.ANSWERS + (b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n+FULLRESYNC " + b"0" * 40 + b" 0\r\n$99999999999\r\nREDIS",):
            port = self.answered_with(answer)
            failures = len(self.server.log_tail(10000).splitlines())
            self.ask("REPLICAOF", "127.0.0.1", port)
            self.await_true("an attempt fails",
                            lambda seen=failures: len(self.server.log_tail(10000).splitlines()) > seen + 1)
            self.table(("OK", "REPLICAOF", "NO", "ONE"), ("OK", "SET", "k", "v"))
        self.assertLess(self.memory(), before + 2 * MB)


if __name__ == "__main__":
    main()
