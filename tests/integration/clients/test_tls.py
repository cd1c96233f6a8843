#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""TLS: handshakes of all kinds, whom the server lets in, large and many requests, what CONFIG SET
changes under connections that are there, and redis-cli, redis-benchmark, redis-py by TLS."""
import glob
import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import harness
import redis
from lib import server as compat
from lib.resp import encode

CERTIFICATES = tempfile.TemporaryDirectory(prefix="drey-certificates-")
HANDSHAKE_SECONDS = 10  # the server's patience with a handshake


def setUpModule():
    subprocess.run([os.path.join(harness.ROOT, "tests", "make-certificates"), CERTIFICATES.name],
                   check=True, timeout=harness.PATIENCE)


def tearDownModule():
    CERTIFICATES.cleanup()


def path(name):
    return os.path.join(CERTIFICATES.name, name)


def pair(name="server"):
    return ["--tls-cert-file", path(name + ".crt"), "--tls-key-file", path(name + ".key")]


def trust(name="client"):
    """What a client believes, and the certificate that it shows; None: it shows none."""
    context = ssl.create_default_context(cafile=path("ca.crt"))
    if name:
        context.load_cert_chain(path(name + ".crt"), path(name + ".key"))
    return context


class TlsServer(harness.Server):
    """One that has a port for TLS beside its plain one, by which it's watched."""

    def __init__(self, *options):
        self.tls_holder = compat.hold_port()
        self.tls_port = self.tls_holder.getsockname()[1]
        super().__init__("--tls-port", str(self.tls_port), "--tls-ca-cert-file", path("ca.crt"),
                         "--loglevel", "verbose", *options)

    def remove(self):
        super().remove()
        self.tls_holder.close()

    def tls_log(self):
        return self.log_tail(100000)


class Stream:
    """A connection by TLS whose bytes the test moves itself."""

    def __init__(self, port, context=None):
        self.socket = socket.create_connection(("127.0.0.1", port), harness.PATIENCE)
        self.to_read, self.to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or trust()).wrap_bio(self.to_read, self.to_send,
                                                 server_hostname="localhost")

    def close(self):
        self.socket.close()

    def flush(self, step=None):
        """Sends what waits, `step` bytes at a time."""
        data = self.to_send.read()
        step = step or max(1, len(data))
        for at in range(0, len(data), step):
            self.socket.sendall(data[at:at + step])
        return len(data)

    def fetch(self):
        """More from the socket; False at its end."""
        data = self.socket.recv(65536)
        if data:
            self.to_read.write(data)
        return bool(data)

    def run(self, call, step=None):
        while True:
            try:
                result = call()
                self.flush(step)
                return result
            except ssl.SSLWantReadError:
                self.flush(step)
                if not self.fetch():
                    raise ConnectionError("closed") from None

    def shake_hands(self, step=None):
        self.run(self.tls.do_handshake, step)

    def send(self, data, step=None):
        self.run(lambda: self.tls.write(data), step)

    def read(self, count):
        got = bytearray()
        while len(got) < count:
            got += self.run(lambda: self.tls.read(count - len(got)))
        return bytes(got)

    def expect(self, wanted):
        got = self.read(len(wanted))
        if got != wanted:
            raise AssertionError("%r, not %r" % (got[:200], wanted[:200]))


class Tls(harness.Case):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = TlsServer(*pair(), *cls.options)
        cls.addClassCleanup(cls.server.remove)

    def stream(self, context=None):
        stream = Stream(self.server.tls_port, context)
        self.addCleanup(stream.close)
        return stream

    def connected(self, context=None):
        stream = self.stream(context)
        stream.shake_hands()
        return stream

    def config(self, *words):
        reply = self.server.run("CONFIG", "SET", *words)
        self.assertEqual(reply.value, b"OK", words)

    def refused_config(self, *words):
        """The reason that's in the reply."""
        text = self.server.run("CONFIG", "SET", *words).value.decode()
        self.assertIn("CONFIG SET failed", text)
        return text.split(" - ", 1)[1]

    def expect_refused(self, context):
        """The handshake fails, or with TLS 1.3 what comes after it from the client's side."""
        stream = self.stream(context)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            stream.shake_hands()
            stream.send(b"PING\r\n")
            stream.expect(b"+PONG\r\n")

    def await_log(self, text):
        deadline = time.monotonic() + harness.PATIENCE
        while text not in self.server.tls_log():
            self.assertLess(time.monotonic(), deadline, "no %r in the log" % text)
            time.sleep(0.01)


class Connections(Tls):
    def test_byte_by_byte(self):
        stream = self.stream()
        stream.shake_hands(step=1)
        stream.send(b"PING\r\n", step=1)
        stream.expect(b"+PONG\r\n")

    def test_request_with_the_end_of_the_handshake(self):
        stream = self.stream()
        context_done = False
        while not context_done:
            try:
                stream.tls.do_handshake()
                context_done = True
            except ssl.SSLWantReadError:
                stream.flush()
                stream.fetch()
        for _ in range(100):
            stream.tls.write(b"PING\r\n")
        stream.flush()
        stream.expect(b"+PONG\r\n" * 100)

    def test_many_records_at_once(self):
        stream = self.connected()
        rng = random.Random(5)
        wanted = b""
        for number in range(2000):
            value = b"x" * rng.randrange(300)
            stream.tls.write(encode([b"SET", b"k%d" % number, value]))
            stream.tls.write(encode([b"GET", b"k%d" % number]))
            wanted += b"+OK\r\n$%d\r\n%s\r\n" % (len(value), value)
        sender = threading.Thread(target=stream.socket.sendall, args=(stream.to_send.read(),))
        sender.start()
        stream.expect(wanted)
        sender.join()

    def test_large_values(self):
        stream = self.connected()
        rng = random.Random(6)
        for size in (16384, 16385, 32768, 65536, 100000, 1000003, 20 * 1024 * 1024):
            value = rng.randbytes(size)
            stream.send(encode([b"SET", b"big", value]))
            stream.expect(b"+OK\r\n")
            stream.send(encode([b"GET", b"big"]) + encode([b"STRLEN", b"big"]))
            stream.expect(b"$%d\r\n%s\r\n:%d\r\n" % (size, value, size))

    def test_large_replies_that_nobody_reads_for_a_while(self):
        stream = self.connected()
        value = random.Random(7).randbytes(300000)
        stream.send(encode([b"SET", b"big", value]))
        stream.expect(b"+OK\r\n")
        request = encode([b"GET", b"big"]) + encode([b"ECHO", b"between"])
        stream.send(request * 50)
        self.server.run("PING")
        stream.expect((b"$%d\r\n%s\r\n$7\r\nbetween\r\n" % (len(value), value)) * 50)

    def test_waiting_client_whose_next_requests_are_there(self):
        stream = self.connected()
        stream.send(encode([b"BLPOP", b"list", b"0"]) + b"PING\r\n" * 5000)
        self.server.await_info("blocked_clients", "1")
        self.server.run("RPUSH", "list", "a")
        stream.expect(b"*2\r\n$4\r\nlist\r\n$1\r\na\r\n" + b"+PONG\r\n" * 5000)

    def test_push_and_close(self):
        reader, writer = self.connected(), self.connected()
        reader.send(b"SUBSCRIBE ch\r\n")
        reader.expect(b"*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n")
        writer.send(b"PUBLISH ch hello\r\n")
        writer.expect(b":1\r\n")
        reader.expect(b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n")
        writer.send(b"QUIT\r\n")
        writer.expect(b"+OK\r\n")
        self.assertEqual(writer.run(lambda: writer.tls.read(1)), b"")  # it says goodbye

    def test_goodbye_of_the_client(self):
        stream = self.connected()
        self.server.await_info("connected_clients", "2")
        with self.assertRaises(ssl.SSLWantReadError):
            stream.tls.unwrap()
        stream.flush()  # the socket stays open
        self.assertTrue(self.server.await_info("connected_clients", "1"))

    def test_many_subscribers_beside_plain_ones(self):
        streams = [self.connected() for _ in range(20)]
        plain = [self.server.connect() for _ in range(20)]
        for stream in streams:
            stream.send(b"SUBSCRIBE ch\r\n")
            stream.expect(b"*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n")
        for connection in plain:
            connection.command("SUBSCRIBE", "ch")
        self.assertEqual(self.server.run("PUBLISH", "ch", "hello").value, 40)
        for stream in streams:
            stream.expect(b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n")
        for connection in plain:
            connection.close()

    def test_renewed_keys(self):
        """openssl's client sends KeyUpdate, with (K) and without (k) asking for one in return."""
        messages = os.path.join(CERTIFICATES.name, "messages")
        process = subprocess.Popen(
            ["openssl", "s_client", "-quiet", "-no_ign_eof", "-connect",
             "127.0.0.1:%d" % self.server.tls_port, "-CAfile", path("ca.crt"), "-cert",
             path("client.crt"), "-key", path("client.key"), "-tls1_3", "-msg", "-msgfile",
             messages],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        updates = 0

        def seen():
            with open(messages) as file:
                return file.read().count(", KeyUpdate")

        def say(line):
            process.stdin.write(line)
            process.stdin.flush()

        def ping():
            say(b"PING\n")
            self.assertEqual(process.stdout.readline(), b"+PONG\r\n")

        for word, more in ((b"K\n", 2), (b"k\n", 1), (b"K\n", 2)):
            ping()
            say(word)
            updates += 1
            deadline = time.monotonic() + harness.PATIENCE
            while seen() < updates:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            ping()
            updates += more - 1  # the server's came with that at the latest
            self.assertEqual(seen(), updates)

    def test_garbage(self):
        before = self.server.tls_log().count("Error accepting a client connection")
        rng = random.Random(8)
        for data in (b"PING\r\n", b"*1\r\n$4\r\nPING\r\n", b"GET / HTTP/1.1\r\n\r\n",
                     rng.randbytes(5000), b"\x16\x03\x01\xff\xff" + rng.randbytes(100)):
            with socket.create_connection(("127.0.0.1", self.server.tls_port)) as plain:
                plain.settimeout(harness.PATIENCE)
                plain.sendall(data)
                plain.shutdown(socket.SHUT_WR)
                try:
                    while got := plain.recv(4096):
                        self.assertNotIn(b"PONG", got)
                except ConnectionResetError:
                    pass
        self.assertTrue(self.server.await_info("connected_clients", "1"))
        after = self.server.tls_log().count("Error accepting a client connection")
        self.assertEqual(after - before, 5)

    def test_garbage_after_the_handshake(self):
        stream = self.connected()
        stream.socket.sendall(b"PING\r\n" * 10)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            while stream.fetch():
                stream.tls.read(100)
            raise ConnectionError("closed")
        self.assertTrue(self.server.await_info("connected_clients", "1"))

    def test_handshakes_that_never_end(self):
        """One says nothing, one a byte now and then; neither holds up others."""
        begin = time.monotonic()
        silent = socket.create_connection(("127.0.0.1", self.server.tls_port))
        slow = self.stream()
        with self.assertRaises(ssl.SSLWantReadError):
            slow.tls.do_handshake()
        hello = slow.to_send.read()
        self.server.await_info("connected_clients", "3")
        try:
            for at in range(len(hello)):
                slow.socket.sendall(hello[at:at + 1])
                self.connected()
                time.sleep(0.2)
                if time.monotonic() - begin > 3 * HANDSHAKE_SECONDS:
                    break
        except OSError:
            pass  # closed
        self.assertGreaterEqual(time.monotonic() - begin, HANDSHAKE_SECONDS - 1)
        silent.settimeout(harness.PATIENCE)
        self.assertEqual(silent.recv(1), b"")
        silent.close()
        self.await_log("TLS handshake takes too long")

    def test_storm_of_handshakes(self):
        """Those who are served go on being served, and all handshakes are made. Not so many at once
        that this side is too slow for the server's patience."""
        served = self.connected()
        for _ in range(5):
            storm = [self.stream() for _ in range(40)]
            for stream in storm:
                with self.assertRaises(ssl.SSLWantReadError):
                    stream.tls.do_handshake()
                stream.flush()
                served.send(b"PING\r\n")
            served.expect(b"+PONG\r\n" * 40)
            for stream in storm:
                stream.shake_hands()
            for stream in storm:
                stream.send(b"PING\r\n")
            for stream in storm:
                stream.expect(b"+PONG\r\n")

    def test_hints_of_the_connection(self):
        stream = self.connected()
        stream.send(b"CLIENT INFO\r\n")
        text = stream.read(4)
        self.assertEqual(text[:1], b"$")
        info = self.server.run("INFO", "server").value.decode()
        self.assertIn("\r\ntcp_port:%d\r\n" % self.server.port, info)
        self.assertIn(":name=tls,bind=127.0.0.1,port=%d\r\n" % self.server.tls_port, info)

    def test_too_many_clients(self):
        self.config("maxclients", "1")
        self.addCleanup(self.config, "maxclients", "1000")
        stream = self.stream()
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            stream.shake_hands()


class Sessions(Tls):
    def resumed(self, version):
        context = trust()
        context.minimum_version = context.maximum_version = version
        session = None
        for _ in range(2):
            raw = socket.create_connection(("127.0.0.1", self.server.tls_port), harness.PATIENCE)
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as s:
                s.sendall(b"PING\r\n")
                self.assertEqual(s.recv(100), b"+PONG\r\n")
                session, again = s.session, s.session_reused
        return again

    def test_resumption(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.config("tls-session-caching", "yes")
            self.assertTrue(self.resumed(version), version)
            self.config("tls-session-caching", "no")
            self.assertFalse(self.resumed(version), version)


class WhoMayComeIn(Tls):
    def test_certificates_of_clients(self):
        self.addCleanup(self.config, "tls-auth-clients", "yes")
        for mode, nobody, stranger in (("yes", False, False), ("optional", True, False),
                                       ("no", True, True)):
            self.config("tls-auth-clients", mode)
            with self.subTest(mode):
                self.connected(trust("client")).send(b"PING\r\n")
                for name, welcome in ((None, nobody), ("stranger", stranger)):
                    if welcome:
                        stream = self.connected(trust(name))
                        stream.send(b"PING\r\n")
                        stream.expect(b"+PONG\r\n")
                    else:
                        self.expect_refused(trust(name))

    def test_versions(self):
        self.addCleanup(self.config, "tls-protocols", "")
        for words, works in (("TLSv1.2", (True, False)), ("TLSv1.3", (False, True)),
                             ("tlsv1.2  TLSv1.3", (True, True)), ("", (True, True))):
            self.config("tls-protocols", words)
            for version, expected in zip((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), works):
                context = trust()
                context.minimum_version = context.maximum_version = version
                with self.subTest(words=words, version=version):
                    if expected:
                        self.assertEqual(self.connected(context).tls.version(),
                                         version.name.replace("_", "."))
                    else:
                        self.expect_refused(context)

    def test_ciphers(self):
        self.addCleanup(self.config, "tls-ciphers", "", "tls-ciphersuites", "")
        self.config("tls-ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384", "tls-ciphersuites",
                    "TLS_CHACHA20_POLY1305_SHA256")
        self.assertEqual(self.connected().tls.cipher()[0], "TLS_CHACHA20_POLY1305_SHA256")
        context = trust()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.assertEqual(self.connected(context).tls.cipher()[0], "ECDHE-ECDSA-AES256-GCM-SHA384")
        context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        self.expect_refused(context)

    def test_order_of_ciphers(self):
        self.addCleanup(self.config, "tls-prefer-server-ciphers", "no", "tls-ciphers", "")
        self.config("tls-ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256")
        context = trust()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
        for prefer, size in (("no", "128"), ("yes", "256")):
            self.config("tls-prefer-server-ciphers", prefer)
            self.assertIn(size, self.connected(context).tls.cipher()[0])

    def test_diffie_hellman(self):
        self.addCleanup(self.config, "tls-dh-params-file", "", *pair_words("server"))
        context = trust()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DHE-RSA-AES128-GCM-SHA256")
        for params in ("", path("dh.pem")):
            self.config("tls-dh-params-file", params, *pair_words("server-rsa"))
            self.assertEqual(self.connected(context).tls.cipher()[0], "DHE-RSA-AES128-GCM-SHA256")

    def test_folder_of_authorities(self):
        folder = tempfile.mkdtemp(dir=CERTIFICATES.name)
        shutil.copy(path("ca.crt"), folder)
        subprocess.run(["openssl", "rehash", folder], check=True, timeout=harness.PATIENCE)
        self.addCleanup(self.config, "tls-ca-cert-file", path("ca.crt"), "tls-ca-cert-dir", "")
        self.config("tls-ca-cert-file", "", "tls-ca-cert-dir", folder)
        self.connected().send(b"PING\r\n")
        self.expect_refused(trust("stranger"))


def pair_words(name):
    return ["tls-cert-file", path(name + ".crt"), "tls-key-file", path(name + ".key")]


class Reload(Tls):
    def subject(self):
        raw = socket.create_connection(("127.0.0.1", self.server.tls_port), harness.PATIENCE)
        with trust().wrap_socket(raw, server_hostname="localhost") as s:
            return dict(part[0] for part in s.getpeercert()["subject"])["commonName"]

    def test_another_certificate(self):
        self.addCleanup(self.config, *pair_words("server"))
        old = self.connected()
        self.assertEqual(self.subject(), "server")
        self.config(*pair_words("server-rsa"))
        self.assertEqual(self.subject(), "server-rsa")
        old.send(b"PING\r\n")
        old.expect(b"+PONG\r\n")

    def test_same_file_with_another_content(self):
        copy = os.path.join(CERTIFICATES.name, "current")
        for kind in ("crt", "key"):
            shutil.copy(path("server." + kind), copy + "." + kind)
        self.addCleanup(self.config, *pair_words("server"))
        self.config(*pair_words("current"))
        self.assertEqual(self.subject(), "server")
        for kind in ("crt", "key"):
            shutil.copy(path("client." + kind), copy + "." + kind)
        self.assertEqual(self.subject(), "server")
        self.config("tls-cert-file", copy + ".crt")
        self.assertEqual(self.subject(), "client")

    def test_what_is_wrong_changes_nothing(self):
        old = self.connected()
        for words in (("tls-cert-file", path("none")), ("tls-key-file", path("client.key")),
                      ("tls-cert-file", path("client.crt")), ("tls-cert-file", ""),
                      ("tls-key-file", path("server-locked.key")), ("tls-protocols", "TLSv1.9"),
                      ("tls-ciphers", "nonsense"), ("tls-ciphersuites", "nonsense"),
                      ("tls-ca-cert-file", path("none")), ("tls-dh-params-file", path("ca.crt")),
                      (*pair_words("client"), "tls-ciphers", "nonsense")):
            with self.subTest(words):
                self.assertEqual(self.refused_config(*words),
                                 "Unable to update TLS configuration. Check server logs.")
                self.assertEqual(self.subject(), "server")
        old.send(b"PING\r\n")
        old.expect(b"+PONG\r\n")
        self.assertEqual(self.server.run("CONFIG", "GET", "tls-key-file").value[1].value.decode(),
                         path("server.key"))

    def test_passphrase(self):
        self.addCleanup(self.config, "tls-key-file-pass", "", *pair_words("server"))
        locked = ("tls-key-file", path("server-locked.key"))
        self.refused_config(*locked, "tls-key-file-pass", "wrong")
        self.config("tls-key-file-pass", "secret", *locked)
        self.assertEqual(self.subject(), "server")

    def test_port(self):
        old = self.connected()
        first = self.server.tls_port
        self.addCleanup(self.config, "tls-port", str(first))
        self.config("tls-port", "0")
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", first)).close()
        old.send(b"PING\r\n")
        old.expect(b"+PONG\r\n")
        self.config("tls-port", str(first))
        self.assertEqual(self.subject(), "server")
        self.assertEqual(self.refused_config("tls-port", str(self.server.port)),
                         "Unable to listen on this port. Check server logs.")
        self.assertEqual(self.subject(), "server")

    def test_nothing_but_errors_while_off(self):
        first = self.server.tls_port
        self.addCleanup(self.config, "tls-port", str(first), *pair_words("server"))
        self.config("tls-port", "0")
        self.config("tls-cert-file", path("none"))  # nobody needs it
        self.assertEqual(self.refused_config("tls-port", str(first)),
                         "Unable to update TLS configuration. Check server logs.")
        self.config("tls-port", str(first), *pair_words("server"))
        self.assertEqual(self.subject(), "server")


class Start(unittest.TestCase):
    def fails(self, *options):
        """Starts a server, which must fail; returns its log."""
        done = subprocess.run([os.environ["DREY_SERVER"], "--port", "0", "--tls-port", "1", *options],
                              cwd=CERTIFICATES.name, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        return done.stdout.decode()

    def test_what_is_missing(self):
        ca = ["--tls-ca-cert-file", path("ca.crt")]
        for options, line in (
                ([], "No tls-cert-file configured!"),
                (["--tls-cert-file", path("server.crt")], "No tls-key-file configured!"),
                (pair(), "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when "
                         "tls-cluster, tls-replication or tls-auth-clients are enabled!"),
                (["--tls-cert-file", path("none"), "--tls-key-file", path("server.key"), *ca],
                 "Failed to load certificate: %s: error:80000002:system library::"
                 "No such file or directory" % path("none")),
                (["--tls-cert-file", path("server.crt"), "--tls-key-file", path("client.key"), *ca],
                 "Failed to load private key: %s: error:05800074:x509 certificate routines::"
                 "key values mismatch" % path("client.key")),
                (["--tls-cert-file", path("server.crt"), "--tls-key-file",
                  path("server-locked.key"), *ca], "Failed to load private key: "),
                ([*pair(), "--tls-ca-cert-file", path("none")],
                 "Failed to configure CA certificate(s) file/directory: error:"),
                ([*pair(), *ca, "--tls-protocols", "foo"], "Invalid tls-protocols specified. "),
                ([*pair(), *ca, "--tls-ciphers", "foo"], "Failed to configure ciphers: foo"),
                ([*pair(), *ca, "--tls-ciphersuites", "foo"],
                 "Failed to configure ciphersuites: foo"),
                ([*pair(), *ca, "--tls-dh-params-file", path("none")],
                 "Failed to load %s: No such file or directory" % path("none")),
                ([*pair(), *ca, "--tls-dh-params-file", path("ca.crt")],
                 path("ca.crt") + ": failed to read DH params.")):
            with self.subTest(line):
                log = self.fails(*options)
                self.assertIn(line, log)
                self.assertIn("Failed to configure TLS. Check logs for more info.", log)

    def test_alone(self):
        """`port 0`: nothing but TLS."""
        holder = compat.hold_port()
        port = holder.getsockname()[1]
        folder = tempfile.mkdtemp(dir=CERTIFICATES.name)
        process = subprocess.Popen(
            [os.environ["DREY_SERVER"], "--port", "0", "--tls-port", str(port), "--bind",
             "127.0.0.1", "--dir", folder, "--logfile", "log", "--tls-auth-clients", "no", *pair()])
        try:
            deadline = time.monotonic() + harness.PATIENCE
            log = ""
            while "Ready to accept connections tls" not in log:
                self.assertLess(time.monotonic(), deadline, log)
                time.sleep(0.01)
                for name in glob.glob(os.path.join(folder, "log")):
                    with open(name) as file:
                        log = file.read()
            stream = Stream(port, trust(None))
            stream.shake_hands()
            stream.send(b"CONFIG GET port\r\n")
            stream.expect(b"*2\r\n$4\r\nport\r\n$1\r\n0\r\n")
            stream.close()
        finally:
            process.terminate()
            self.assertEqual(process.wait(harness.PATIENCE), 0)
            holder.close()


class Clients(Tls):
    def tls_options(self):
        return ("-p", str(self.server.tls_port), "--tls", "--cacert", path("ca.crt"), "--cert",
                path("client.crt"), "--key", path("client.key"))

    def test_redis_cli(self):
        lines = "".join("SET key:%d %s\r\n" % (n, "v" * (n % 50)) for n in range(3000))
        status, out, err = self.run_client("redis-cli", *self.tls_options(), "--pipe",
                                           stdin=lines.replace(" \r\n", ' ""\r\n').encode())
        self.assertEqual((status, err), (0, ""))
        self.assertIn("errors: 0, replies: 3000", out)
        status, out, err = self.run_client("redis-cli", *self.tls_options(), "GET", "key:49")
        self.assertEqual((status, out, err), (0, "v" * 49 + "\n", ""))
        status, out, err = self.run_client("redis-cli", *self.tls_options(), "--scan")
        self.assertEqual((status, len(out.splitlines())), (0, 3000))

    def test_redis_benchmark(self):
        for tests, rows, more in (("set,get,lpush,lrange_100", 5, ("-c", "10")),
                                  ("set,get", 2, ("-c", "10", "-P", "16")),
                                  ("set,get", 2, ("-c", "5", "-d", "20000"))):
            status, out, err = self.run_client("redis-benchmark", *self.tls_options(), "-n", "2000",
                                               "-t", tests, "--csv", *more)
            self.assertEqual((status, err), (0, ""))
            self.assertEqual(len(out.splitlines()), 1 + rows)
        self.assertEqual(self.server.run("INFO", "errorstats").value.split(b"\r\n")[1:], [b""])

    def test_redis_py(self):
        r = redis.Redis(host="localhost", port=self.server.tls_port, ssl=True,
                        ssl_ca_certs=path("ca.crt"), ssl_certfile=path("client.crt"),
                        ssl_keyfile=path("client.key"), socket_timeout=harness.PATIENCE)
        self.addCleanup(r.connection_pool.disconnect)
        big = os.urandom(3 * 1024 * 1024)
        with r.pipeline() as pipe:
            for number in range(500):
                pipe.set("k%d" % number, number)
            pipe.set("big", big).get("big")
            self.assertEqual(pipe.execute()[-1], big)
        with r.pubsub() as channel:
            channel.subscribe("ch")
            self.assertEqual(channel.get_message(timeout=harness.PATIENCE)["type"], "subscribe")
            r.publish("ch", "text")
            self.assertEqual(channel.get_message(timeout=harness.PATIENCE)["data"], b"text")

    def test_debugger(self):
        """A script's debugger has the connection to itself, in a process of its own."""
        stream = self.connected()
        stream.send(b"SCRIPT DEBUG YES\r\n")
        stream.expect(b"+OK\r\n")
        stream.send(encode([b"EVAL", b"local a = 1\nreturn a", b"0"]))
        self.assertEqual(stream.read(1), b"*")
        stream.send(encode([b"continue"]))
        got = b""
        try:
            while b"<endsession>" not in got:
                got += stream.read(1)
        except (ConnectionError, ssl.SSLError):
            self.fail("the session ends with %r" % got)


REDIS = shutil.which("redis-server")


def info(server, section, field):
    text = server.run("INFO", section).value.decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line).get(field)


@unittest.skipUnless(REDIS, "there's no redis-server to be the other side")
class Replication(Tls):
    options = ("--rdb-version", "10", "--repl-diskless-sync-delay", "0", "--tls-replication", "yes")

    def setUp(self):
        super().setUp()
        self.holder = compat.hold_port()
        self.addCleanup(self.holder.close)
        self.redis_tls_port = self.holder.getsockname()[1]

    def redis(self, *options):
        other = compat.Server("other", REDIS, (
            "--tls-port", str(self.redis_tls_port), "--tls-replication", "yes", "--tls-cluster",
            "yes", "--tls-ca-cert-file", path("ca.crt"), "--repl-diskless-sync-delay", "0",
            *pair("client"), *options))
        self.addCleanup(other.remove)
        return other

    def fill(self, server):
        rng = random.Random(9)
        for number in range(300):
            server.run("SET", "key:%d" % number, rng.randbytes(rng.choice((9, 99999))))
        server.run("RPUSH", "list", *("%d" % number for number in range(1000)))

    def content(self, server):
        keys = sorted(reply.value for reply in server.run("KEYS", "*").value)
        return [(key, server.run("GET", key) if key != b"list" else
                 server.run("LRANGE", key, "0", "-1")) for key in keys]

    def expect_same(self, primary, replica):
        """The replica has everything once it has what was written last."""
        primary.run("INCR", "last")
        last = primary.run("GET", "last").value
        self.assertTrue(replica.await_reply(last, ("GET", "last")))
        self.assertTrue(self.content(primary) == self.content(replica))

    def break_link(self, primary, replica):
        """The replica comes back and goes on from where it was."""
        self.assertTrue(replica.await_info("master_link_status", "up"))
        primary.run("CLIENT", "KILL", "TYPE", "replica")
        deadline = time.monotonic() + harness.PATIENCE
        while info(primary, "stats", "sync_partial_ok") == "0":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_redis_follows(self):
        self.fill(self.server)
        for diskless in ("no", "yes"):
            self.config("repl-diskless-sync", diskless)
            self.server.run("CONFIG", "RESETSTAT")
            replica = self.redis("--replicaof", "127.0.0.1 %d" % self.server.tls_port)
            self.expect_same(self.server, replica)
            self.assertIn("port=%d," % self.redis_tls_port,
                          info(self.server, "replication", "slave0"))
            self.break_link(self.server, replica)
            self.fill(self.server)
            self.expect_same(self.server, replica)
            replica.stop()
            self.server.await_info("connected_slaves", "0")

    def test_follows_redis(self):
        primary = self.redis()
        self.fill(primary)
        self.addCleanup(self.server.run, "REPLICAOF", "NO", "ONE")
        for diskless, load in (("no", "disabled"), ("yes", "disabled"), ("yes", "swapdb")):
            primary.run("CONFIG", "SET", "repl-diskless-sync", diskless)
            primary.run("CONFIG", "RESETSTAT")
            self.config("repl-diskless-load", load)
            self.server.run("REPLICAOF", "127.0.0.1", str(self.redis_tls_port))
            self.expect_same(primary, self.server)
            self.assertIn("port=%d," % self.server.tls_port, info(primary, "replication", "slave0"))
            self.break_link(primary, self.server)
            self.fill(primary)
            self.expect_same(primary, self.server)
            self.server.run("REPLICAOF", "NO", "ONE")
            primary.await_info("connected_slaves", "0")

    def test_primary_that_is_not_trusted(self):
        primary = self.redis(*pair("stranger"))
        self.addCleanup(self.server.run, "REPLICAOF", "NO", "ONE")
        self.server.run("REPLICAOF", "127.0.0.1", str(self.redis_tls_port))
        self.await_log("Error condition on socket for SYNC: error:0A000086:SSL routines::"
                       "certificate verify failed")
        self.assertEqual(info(self.server, "replication", "master_link_status"), "down")
        self.assertEqual(info(primary, "replication", "connected_slaves"), "0")

    def test_migrate(self):
        other = self.redis()
        self.addCleanup(self.config, "tls-cluster", "no")
        self.config("tls-cluster", "yes")
        big = random.Random(10).randbytes(2000000)
        self.server.run("SET", "big", big)
        self.server.run("SET", "small", "1")
        for _ in range(3):
            reply = self.server.run("MIGRATE", "127.0.0.1", str(self.redis_tls_port), "", "0",
                                    "100000", "REPLACE", "COPY", "KEYS", "big", "small")
            self.assertEqual(reply.value, b"OK")
        self.assertEqual(other.run("GET", "big").value, big)
        other.run("MIGRATE", "127.0.0.1", str(self.server.tls_port), "", "0", "100000", "REPLACE",
                  "KEYS", "big", "small")
        self.assertEqual(other.run("DBSIZE").value, 0)
        self.config("tls-cluster", "no")
        reply = self.server.run("MIGRATE", "127.0.0.1", str(other.port), "small", "0", "100000")
        self.assertEqual(reply.value, b"OK")


class Node(compat.Server):
    """A member of a cluster whose bus is by TLS."""

    def __init__(self, name, program, *options):
        self.tls_holder = compat.hold_port()
        self.tls_port = self.tls_holder.getsockname()[1]
        super().__init__(name, program, (
            "--cluster-enabled", "yes", "--tls-cluster", "yes", "--tls-replication", "yes",
            "--tls-port", str(self.tls_port), "--tls-ca-cert-file", path("ca.crt"),
            "--cluster-node-timeout", "5000", *pair(), *options))

    def remove(self):
        super().remove()
        self.tls_holder.close()

    def bus_port(self):
        return self.bus_holder.getsockname()[1]

    def ask(self, *words):
        """A reply of one line, by TLS."""
        stream = Stream(self.tls_port)
        try:
            stream.shake_hands()
            stream.send(encode([word.encode() for word in words]))
            got = b""
            while not got.endswith(b"\r\n"):
                got += stream.read(1)
            if got.startswith(b"$"):
                return stream.read(int(got[1:])).decode()
            return got.decode().strip()
        finally:
            stream.close()


@unittest.skipUnless(REDIS, "there's no redis-server to be a member")
class Cluster(unittest.TestCase):
    def start(self, name, program, *options):
        node = Node(name, program, *options)
        self.addCleanup(node.remove)
        return node

    def await_state(self, node, *lines):
        for line in lines:
            self.assertTrue(node.await_reply(line, ("CLUSTER", "INFO")), node.log_tail())

    def test_cluster(self):
        drey = os.environ["DREY_SERVER"]
        nodes = [self.start("first", drey, "--rdb-version", "10"), self.start("second", drey),
                 self.start("redis", REDIS)]
        first = nodes[0]
        for other in nodes[1:]:
            first.run("CLUSTER", "MEET", "127.0.0.1", str(other.tls_port), str(other.bus_port()))
        for node, (begin, end) in zip(nodes, ((0, 5460), (5461, 10922), (10923, 16383))):
            node.run("CLUSTER", "ADDSLOTSRANGE", str(begin), str(end))
        for node in nodes:
            self.await_state(node, b"cluster_known_nodes:3", b"cluster_state:ok",
                             b"cluster_slots_ok:16384")
        self.check_ports(nodes)
        self.check_nodes_file(nodes[1])
        self.check_replica(first, self.start("replica", drey))

    def check_ports(self, nodes):
        """Who comes by TLS is told ports for TLS, others the others'; key `a` is the third's."""
        third = nodes[2]
        for node in nodes[:2]:
            self.assertTrue(node.await_reply(b"MOVED 15495 127.0.0.1:%d" % third.port, ("GET", "a")))
            self.assertEqual(node.ask("GET", "a"),
                             "-MOVED 15495 127.0.0.1:%d" % third.tls_port)
            plain = node.run("CLUSTER", "NODES").value.decode()
            secret = node.ask("CLUSTER", "NODES")
            for other in nodes:
                self.assertIn("127.0.0.1:%d@%d" % (other.port, other.bus_port()), plain)
                self.assertIn("127.0.0.1:%d@%d" % (other.tls_port, other.bus_port()), secret)
        first = nodes[0]
        self.assertIn(("MOVED 0 127.0.0.1:%d" % first.port).encode(),
                      third.run("GET", "{06S}").value)

    def check_nodes_file(self, node):
        """It finds the others again."""
        before = sorted(line.split(" ")[1] for line in node.ask("CLUSTER", "NODES").splitlines())
        node.restart()
        self.await_state(node, b"cluster_state:ok")
        after = sorted(line.split(" ")[1] for line in node.ask("CLUSTER", "NODES").splitlines())
        self.assertEqual(before, after)

    def check_replica(self, primary, replica):
        primary.run("SET", "{06S}", "here")
        replica.run("CLUSTER", "MEET", "127.0.0.1", str(primary.tls_port), str(primary.bus_port()))
        name = primary.run("CLUSTER", "MYID").value
        self.assertTrue(replica.await_reply(name, ("CLUSTER", "NODES")))
        deadline = time.monotonic() + harness.PATIENCE
        while replica.run("CLUSTER", "REPLICATE", name).value != b"OK":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertTrue(replica.await_info("master_link_status", "up"), replica.log_tail())
        self.assertEqual(info(replica, "replication", "master_port"), str(primary.tls_port))


if __name__ == "__main__":
    harness.main()
