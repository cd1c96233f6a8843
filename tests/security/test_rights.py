#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Rights: rules that are none, keys that aren't found, what others may not see, and what becomes of
connections whose user loses rights."""
import os
import re

from attack import Case, MOST, NO_PERMISSION, harness, main, plain

SECRET = "s3cr3t"


class Rules(Case):
    def test_cve_2024_31227_selectors_that_are_none(self):
        """Also CVE-2024-51741: rights of keys without a pattern."""
        bad = ["%R", "%W", "%RW", "%", "%~", "%~x", "%X~x", "%R~x %", "(%R)", "(%)", "(%~x)", "(%R", "%R~x)",
               "(", ")", "()(", "((+get))", "(+get ~x",
               "(on)", "(>x)", "(nopass)", "(reset)", "(clearselectors)", "(%RWX~x)", "(%RR~x)", "(~x &)(",
               "%R~", "(+nosuch)", "(+@nosuch)", "+@", "-@", "+|",
               "+get|", "+|get", "+config|get|x", "-config|nosuch", "#", "#x", "#" + "g" * 64, "!", "!x",
               "<nobody", "~", "&", "+", "-", "~*a\0"]
        for rules in bad:
            for words in ([rules], ["on", "nopass", rules, "+@all"], ["~*", "+@all", "(" + rules + ")"],
                          rules.split(" ")):
                self.ask("ACL", "SETUSER", "mallory", "reset")
                self.ask("ACL", "SETUSER", "mallory", *words)
                self.ask("ACL", "GETUSER", "mallory")
                self.ask("ACL", "LIST")
                for command in (("GET", "x"), ("SET", "x", "v"), ("SORT", "x", "BY", "y*"),
                                ("PUBLISH", "c", "m"), ("MSET", "a", 1, "b", 2)):
                    self.ask("ACL", "DRYRUN", "mallory", *command)
        self.table(*[("-ERR", "ACL", "SETUSER", "mallory", rule) for rule in (
            "%", "%~x", "(%~x)", "(", "(+get", "(+nosuch)", "%X~x", "(on)")])
        self.ask("ACL", "DELUSER", "mallory")

    def test_cve_2024_51741_rights_without_a_pattern(self):
        """As in Redis they are taken, and give nothing."""
        for rule in ("%R", "%W", "%RW", "(%W +@all)"):
            self.table(("OK", "ACL", "SETUSER", "mallory", "reset", "on", "+@all", rule))
            for key in ("x", "%", "%W"):
                for words in (("GET", key), ("SET", key, "v"), ("SORT_RO", key)):
                    self.assertIn("no permissions to access", str(self.ask("ACL", "DRYRUN", "mallory", *words)))
        self.ask("ACL", "DELUSER", "mallory")

    def test_rules_without_end(self):
        self.table((..., "ACL", "SETUSER", "mallory", *["~%d" % i for i in range(3000)]),
                   (..., "ACL", "SETUSER", "mallory", *["(+get ~%d)" % i for i in range(500)]),
                   (..., "ACL", "SETUSER", "mallory", "+config|" + "x" * 100000),
                   (..., "ACL", "SETUSER", "x" * 100000, "on"), (..., "ACL", "DELUSER", "x" * 100000),
                   (..., "ACL", "SETUSER", "mallory", "(" * 100000),
                   (..., "ACL", "SETUSER", "mallory", "+get|" * 20000))
        self.ask("ACL", "LIST")
        self.ask("ACL", "DELUSER", "mallory")


class Keys(Case):
    BROKEN = [("EVAL", "x"), ("EVAL", "x", "5"), ("EVAL", "x", "5", "k"), ("EVAL", "x", MOST, "k"),
              ("EVAL", "x", "-1", "k"), ("EVAL", "x", "x", "k"),
              ("EVALSHA", "x", "2147483648", "k"), ("FCALL", "f", "4294967297", "k"), ("ZUNION", "99", "k"),
              ("ZUNIONSTORE", "d", "99", "k"), ("ZUNIONSTORE", "d"),
              ("SINTERCARD", "0"), ("LMPOP", "-5", "k", "LEFT"), ("BLMPOP", "0", "2", "k"),
              ("XREAD", "STREAMS"), ("XREAD", "STREAMS", "a", "b", "c"),
              ("XREAD", "COUNT", "STREAMS", "a", "b"), ("XREADGROUP", "GROUP", "STREAMS", "STREAMS"),
              ("XREADGROUP", "GROUP", "g", "c"), ("MIGRATE", "h", "1", "", "0", "1", "KEYS"),
              ("MIGRATE", "h", "1", "", "0", "1", "AUTH", "KEYS", "k"), ("MIGRATE", "h", "1", "k"), ("SORT",),
              ("SORT", "k", "STORE"), ("SORT", "k", "BY"),
              ("GEORADIUS", "k", "0", "0", "1", "m", "STORE"), ("GEORADIUS", "k"), ("MSET", "k"), ("MSET",),
              ("BITOP", "AND"), ("PFMERGE",), ("SET", "k"),
              ("OBJECT", "ENCODING"), ("MEMORY", "USAGE"), ("XGROUP", "CREATE"), ("BITFIELD", "k", "SET"),
              ("DEBUG", "OBJECT"), ("XCLAIM",), ("MSETEX", "5", "k", "v"),
              ("MSETEX", MOST, "k", "v"), ("DELPATTERN",), ("HPEXPIRE", "h"),
              ("BZMPOP", "0", "4294967295", "k"), ("GETEX",), ("LCS", "a"), ("RENAME", "a")]

    def test_cve_2023_36824_keys_of_commands_that_are_none(self):
        """In each of the ways by which keys are looked for."""
        for words in self.BROKEN:
            self.table((..., "COMMAND", "GETKEYS", *words), (..., "COMMAND", "GETKEYSANDFLAGS", *words))
        mallory = self.restricted("+@all", "~allowed*", "%R~readable")
        for words in self.BROKEN:
            if words[0] not in ("DEBUG",):
                mallory.command(*words)
            self.ask("ACL", "DRYRUN", "mallory", *words)
        self.table((["a", "b"], "COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2),
                   ([], "COMMAND", "GETKEYS", "EVAL", "x", "5", "k"))
        mallory.close()

    def test_cve_2023_41053_sort_ro(self):
        """Also what SORT's patterns read."""
        self.ask("RPUSH", "secret", 1, 2)
        self.ask("RPUSH", "allowed", 1, 2)
        self.ask("SET", "w_1", "hidden")
        mallory = self.restricted("+sort", "+sort_ro", "~allowed*")
        for words, wanted in ((("SORT_RO", "secret"), False), (("SORT", "secret"), False),
                              (("SORT_RO", "allowed"), True), (("SORT", "allowed", "STORE", "secret2"), False),
                              (("SORT_RO", "allowed", "GET", "w_*"), False),
                              (("SORT_RO", "allowed", "BY", "w_*"), False),
                              (("SORT", "allowed", "GET", "w_*"), False),
                              (("SORT", "allowed", "STORE", "allowed2"), True),
                              (("SORT", "secret", "STORE", "allowed2"), False),
                              (("SORT", "allowed", "LIMIT", "0", "1", "GET", "#", "STORE", "secret2"), False)):
            reply = mallory.command(*words)
            self.assertEqual(reply.kind != "-", wanted, words)
        self.table((0, "EXISTS", "secret2"), (2, "LLEN", "secret"))
        mallory.close()

    def test_the_keys_that_are_checked_are_those_that_are_used(self):
        """Options given twice, in unusual places, or as values of others."""
        self.ask("GEOADD", "allowed:g", 1, 1, "p")
        self.ask("RPUSH", "allowed:l", 1)
        self.ask("ZADD", "allowed:z", 1, "a")
        self.ask("XADD", "secret:x", "1-1", "f", "v")
        self.ask("SET", "secret", "hidden")
        mallory = self.restricted("+@all", "-@dangerous", "+sort", "~allowed:*")
        for words in (("SORT", "allowed:l", "STORE", "allowed:d", "STORE", "secret:d"),
                      ("XREADGROUP", "COUNT", "1", "GROUP", "STREAMS", "allowed:x", "STREAMS", "secret:x", ">"),
                      ("XREADGROUP", "COUNT", "1", "GROUP", "g", "STREAMS", "STREAMS", "secret:x", ">"),
                      ("SORT", "allowed:l", "BY", "STORE", "STORE", "secret:d"),
                      ("SORT", "allowed:l", "LIMIT", "0", "1", "STORE", "secret:d"),
                      ("SORT", "allowed:l", "GET", "STORE", "STORE", "secret:d"),
                      ("GEORADIUS", "allowed:g", "1", "1", "9", "km", "STORE", "allowed:d", "STORE",
                       "secret:d"),
                      ("GEORADIUS", "allowed:g", "1", "1", "9", "km", "STORE", "allowed:d", "STOREDIST",
                       "secret:d"),
                      ("GEORADIUSBYMEMBER", "allowed:g", "p", "9", "km", "COUNT", "1", "STORE", "secret:d"),
                      ("XREAD", "COUNT", "1", "STREAMS", "secret:x", "0"),
                      ("XREAD", "BLOCK", "1", "STREAMS", "allowed:x", "secret:x", "0", "0"),
                      ("XREADGROUP", "GROUP", "STREAMS", "c", "STREAMS", "secret:x", "0"),
                      ("XREADGROUP", "GROUP", "g", "STREAMS", "STREAMS", "secret:x", ">"),
                      ("ZUNIONSTORE", "secret:d", "1", "allowed:z"),
                      ("ZUNIONSTORE", "allowed:d", "2", "allowed:z", "secret"),
                      ("ZRANGESTORE", "secret:d", "allowed:z", "0", "-1"),
                      ("BITFIELD", "secret", "SET", "u8", "0", "1"), ("BITFIELD", "secret", "GET", "u8", "0"),
                      ("SET", "secret", "x", "GET"), ("GETDEL", "secret"),
                      ("LCS", "allowed:s", "secret"), ("COPY", "secret", "allowed:c"),
                      ("COPY", "allowed:l", "secret:d", "REPLACE"), ("RENAME", "allowed:l", "secret:d"),
                      ("EVAL", "return redis.call('GET', 'secret')", "0"),
                      ("EVAL", "return redis.pcall('GET', KEYS[1])", "1", "secret"),
                      ("EVAL", "return redis.call('GET', ARGV[1])", "0", "secret"),
                      ("OBJECT", "ENCODING", "secret"), ("MEMORY", "USAGE", "secret"), ("DUMP", "secret"),
                      ("MSET", "allowed:a", "1", "secret", "2"),
                      ("MSETEX", "2", "allowed:a", "1", "secret", "2"), ("PFMERGE", "allowed:h", "secret"),
                      ("PFCOUNT", "allowed:h", "secret"),
                      ("SINTERCARD", "2", "allowed:s", "secret"),
                      ("LMPOP", "2", "allowed:none", "secret", "LEFT"),
                      ("BLMOVE", "allowed:l", "secret:d", "LEFT", "LEFT", "1"),
                      ("WATCH", "secret"), ("TOUCH", "allowed:a", "secret"), ("EXISTS", "allowed:a", "secret"),
                      ("XINFO", "STREAM", "secret:x"), ("GEOSEARCHSTORE", "secret:d",
                      "allowed:g", "FROMMEMBER", "p", "BYRADIUS", "1", "km"), ("SUBSTR", "secret", "0", "-1"),
                      ("BITOP", "NOT", "allowed:d", "secret")):
            reply = plain(mallory.command(*words))
            self.assertTrue(isinstance(reply, str) and reply.startswith("-"), (words, reply))
            self.assertNotIn("hidden", reply)
        for words in (("SORT", "allowed:l", "STORE", "secret:d", "STORE", "allowed:d"),  # the last one counts
                      ("GEORADIUS", "allowed:g", "1", "1", "9", "km", "STOREDIST", "secret:d", "STORE", "allowed:d")):
            mallory.command(*words)
        self.table(("hidden", "GET", "secret"), (0, "EXISTS", "secret:d"))
        mallory.close()

    def test_channels(self):
        mallory = self.restricted("+@all", "allkeys", "resetchannels", "&mine*")
        for words in (("SUBSCRIBE", "theirs"), ("PSUBSCRIBE", "*"), ("PSUBSCRIBE", "mine?"),
                      ("SSUBSCRIBE", "theirs"), ("PUBLISH", "theirs", "m"), ("SPUBLISH", "theirs", "m"),
                      ("SUBSCRIBE", "mine", "theirs"),
                      ("EVAL", "return redis.call('PUBLISH', 'theirs', 'm')", "0")):
            self.assertIn("NOPERM" if words[0] != "EVAL" else "ACL failure", plain(mallory.command(*words)))
        mallory.close()


class Secrets(Case):
    """What was given as a secret is shown to nobody afterwards."""

    COMMANDS = [("AUTH", SECRET), ("AUTH", "user", SECRET), ("HELLO", "3", "AUTH", "default", SECRET),
                ("HELLO", "2", "SETNAME", "n", "AUTH", "default", SECRET),
                ("ACL", "SETUSER", "u", "on", ">" + SECRET), ("ACL", "SETUSER", "u", "<" + SECRET),
                ("ACL", "SETUSER", "u", "nosuchrule" + SECRET),
                ("CONFIG", "SET", "requirepass", SECRET), ("CONFIG", "SET", "requirepass", ""),
                ("CONFIG", "SET", "masterauth", SECRET), ("CONFIG", "SET", "primaryauth", SECRET),
                ("CONFIG", "SET", "maxclients", "x", "masterauth", SECRET), ("CONFIG", "SET", "masterauth", ""),
                ("MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH", SECRET),
                ("MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH2", "user", SECRET),
                ("MIGRATE", "127.0.0.1", "1", "", "0", "10", "COPY", "AUTH", SECRET, "KEYS", "k"),
                ("auth", "a", "b", SECRET), ("ACL", "DELUSER", SECRET)]

    def test_nobody_sees_them(self):
        self.ask("SET", "k", "v")
        for name, value in (("slowlog-log-slower-than", 0), ("slowlog-max-len", 1000), ("loglevel", "debug"),
                            ("latency-monitor-threshold", 1)):
            self.set_config(name, value)
        monitor = self.connect()
        monitor.command("MONITOR")
        client = self.connect()
        for words in self.COMMANDS:
            client.command(*words)
            self.ask("CONFIG", "SET", "requirepass", "")
        client.command("MULTI")
        client.command("AUTH", SECRET)
        client.command("EXEC")
        self.ask("ECHO", "the end")
        shown = b""
        while b"the end" not in shown:
            shown += monitor.socket.recv(65536)
        self.assertNotIn(SECRET, shown.decode())
        for words in (("SLOWLOG", "GET", -1), ("ACL", "LOG"), ("ACL", "LIST"), ("INFO", "everything"),
                      ("LATENCY", "DOCTOR"), ("COMMANDLOG", "GET", -1, "slow"), ("CLIENT", "LIST"),
                      ("MEMORY", "DOCTOR"), ("HOTKEYS",)):
            self.assertNotIn(SECRET, str(self.ask(*words)), words)
        self.assertNotIn(SECRET, self.server.log_tail(100000))
        self.assertIn("(redacted)", str(self.ask("SLOWLOG", "GET", -1)))
        client.close()
        monitor.close()

    def test_files(self):
        """Who else is on the machine reads none of the files with users or data in them that Redis keeps to itself."""
        self.ask("ACL", "SETUSER", "u", ">" + SECRET)
        self.ask("SET", "k", "v")
        self.table(("OK", "SAVE"))
        path = os.path.join(self.server.directory, "dump.rdb")
        self.assertEqual(os.stat(path).st_mode & 0o133, 0)
        self.assertNotIn(SECRET.encode(), open(path, "rb").read())
        self.ask("ACL", "DELUSER", "u")

    def test_crash_reports(self):
        """A server of its own, which is made to crash while somebody's password is at work."""
        server = harness.Server("--requirepass", SECRET, "--masterauth", SECRET + "2")
        try:
            server.control.command("AUTH", SECRET)
            crashing = server.connect()
            crashing.command("AUTH", SECRET)
            crashing.send(b"CLIENT NO-EVICT on\r\nAUTH %s\r\nDEBUG SEGFAULT\r\n" % SECRET.encode())
            crashing.read_to_end()
            server.process.wait(harness.PATIENCE)
            log = server.log_tail(1000000)
            self.assertIn("BUG REPORT", log)
            self.assertNotIn(SECRET, log)
            crashing.close()
        finally:
            try:
                server.remove()
            except AssertionError:
                pass


class Guessing(Case):
    options = ("--requirepass", SECRET)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.control.command("AUTH", SECRET)

    def test_errors_tell_nothing(self):
        self.ask("ACL", "SETUSER", "known", "on", ">" + SECRET)
        self.ask("ACL", "SETUSER", "disabled", "off", ">" + SECRET)
        self.ask("ACL", "SETUSER", "bare", "on")
        client = self.connect()
        replies = {plain(client.command("AUTH", *words)) for words in (
            ("wrong",), ("",), (SECRET[:-1],), (SECRET + "x",), ("known",
                                                                 "wrong"), ("unknown", SECRET), ("disabled", SECRET), ("bare", ""), ("bare", "x"), ("known", ""),
            ("", SECRET), ("known\0", SECRET), ("KNOWN", SECRET), ("x" * 10000,
                                                                   "y" * 10000), ("known", SECRET + "\0"))}
        self.assertEqual(replies, {"-WRONGPASS invalid username-password pair or user is disabled."})
        self.assertEqual(plain(client.command("PING")), "-NOAUTH Authentication required.")
        self.assertEqual(plain(client.command("AUTH", "known", SECRET)), "OK")
        self.ask("ACL", "DELUSER", "known", "disabled", "bare")
        client.close()

    def test_the_log_of_attempts_is_bounded(self):
        before = self.memory()
        client = self.connect()
        for i in range(500):
            client.command("AUTH", "user%d" % i, "x" * 1000)
            client.command("AUTH", "y" * 16000, "x")
        self.assertLessEqual(len(self.ask("ACL", "LOG", 10000)), 128)
        self.assertLess(self.memory(), before + 4 * 1024 * 1024)
        self.ask("ACL", "LOG", "RESET")
        client.close()


class Losing(Case):
    """Clients whose user loses rights."""

    def user(self, name, *rules):
        self.ask("ACL", "SETUSER", name, "reset", "on", "nopass", *rules)
        self.addCleanup(self.ask, "ACL", "DELUSER", name)
        return self.connect(("AUTH", name, "x"))

    def test_deluser_ends_connections(self):
        blocked, subscribed, idle, transacting, monitor = [self.user("u", "+@all", "~*",
                                                                     "&*") for _ in range(5)]
        blocked.send(b"BLPOP l 0\r\n")
        subscribed.command("SUBSCRIBE", "c")
        transacting.command("MULTI")
        transacting.command("SET", "k", "v")
        monitor.command("MONITOR")
        self.await_true("somebody waits", lambda: self.info("blocked_clients") == 1)
        self.table((1, "ACL", "DELUSER", "u"), (1, "RPUSH", "l", "x"), (0, "PUBLISH", "c", "m"))
        for client in (blocked, subscribed, idle, transacting):
            self.assertEqual(self.closes(client), b"")
            client.close()
        self.closes(monitor)
        monitor.close()
        self.table((0, "EXISTS", "k"), (1, "LLEN", "l"))
        self.await_true("all are gone", lambda: self.info("connected_clients") == 1)

    def test_off_and_other_passwords_leave_who_is_there(self):
        client = self.user("u", "+@all", "~*")
        self.ask("ACL", "SETUSER", "u", "off")
        self.assertEqual(plain(client.command("SET", "k", "v")), "OK")
        self.ask("ACL", "SETUSER", "u", "on", "resetpass", ">other")
        self.assertEqual(plain(client.command("GET", "k")), "v")
        other = self.connect()
        self.assertEqual(other.command("AUTH", "u", "x").kind, "-")
        client.close()
        other.close()

    def test_rights_are_looked_at_when_it_runs(self):
        """Commands that were queued, wait, or are in a script's loop."""
        client, waiting = self.user("u", "+@all", "~*"), self.user("v", "+@all", "~*")
        client.command("MULTI")
        client.command("SET", "k", "v")
        client.command("GET", "other")
        waiting.send(b"BLPOP l 0\r\n")
        self.await_true("somebody waits", lambda: self.info("blocked_clients") == 1)
        self.ask("ACL", "SETUSER", "u", "-set", "resetkeys", "~k")
        self.ask("ACL", "SETUSER", "v", "resetkeys", "~k")
        self.ask("RPUSH", "l", "x")
        self.assertEqual([reply[:7] for reply in plain(client.command("EXEC"))], ["-NOPERM", "-NOPERM"])
        self.assertIn("NOPERM", plain(waiting.read()[0]))
        self.table((0, "EXISTS", "k"), (1, "LLEN", "l"))
        client.close()
        waiting.close()

    def test_channels_that_are_lost(self):
        kept, lost, pattern, shard = [self.user("u", "+@all", "&*") for _ in range(4)]
        kept.command("SUBSCRIBE", "mine")
        lost.command("SUBSCRIBE", "theirs")
        pattern.command("PSUBSCRIBE", "mi*")
        shard.command("SSUBSCRIBE", "theirs")
        self.ask("ACL", "SETUSER", "u", "resetchannels", "&mine")
        for client in (lost, pattern, shard):
            self.assertEqual(self.closes(client), b"")
            client.close()
        self.table((1, "PUBLISH", "mine", "m"), (0, "PUBLISH", "theirs", "m"))
        self.assertEqual(plain(kept.read()[0]), ["message", "mine", "m"])
        kept.close()

    def test_selectors_keep_channels(self):
        client = self.user("u", "+@all", "&*")
        client.command("SUBSCRIBE", "theirs")
        self.ask("ACL", "SETUSER", "u", "resetchannels", "(+subscribe &theirs)")
        self.table((1, "PUBLISH", "theirs", "m"))
        self.assertEqual(plain(client.read()[0]), ["message", "theirs", "m"])
        client.close()


class UsersFile(Case):
    START = "user default on nopass ~* &* +@all\nuser u on nopass ~* &* +@all\nuser v on nopass ~* &* +@all\n"
    started = False

    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server.__new__(harness.Server)
        harness.compat.Server.__init__(cls.server, "server", os.environ["DREY_SERVER"],
                                       ("--aclfile", "users.acl"), start=False)
        cls.addClassCleanup(cls.server.remove)
        cls.write(cls.START)
        cls.server.start()

    @classmethod
    def path(cls):
        return os.path.join(cls.server.directory, "users.acl")

    @classmethod
    def write(cls, content):
        with open(cls.path(), "w", encoding="latin-1") as out:
            out.write(content)

    def setUp(self):
        self.write(self.START)
        super().setUp()
        self.table(("OK", "ACL", "LOAD"))

    def test_load_ends_connections_of_who_changed(self):
        gone, changed, same = [self.connect(("AUTH", name, "x")) for name in ("u", "v", "default")]
        self.write("user default on nopass ~* &* +@all\nuser v on nopass ~k &* +@all\n")
        self.table(("OK", "ACL", "LOAD"))
        self.assertEqual(self.closes(gone), b"")
        self.assertEqual(plain(same.command("PING")), "PONG")
        self.assertEqual(plain(changed.command("SET", "other", "x"))[:7], "-NOPERM")
        for client in (gone, changed, same):
            client.close()

    def test_load_of_bad_files_changes_nothing(self):
        before = self.ask("ACL", "LIST")
        client = self.connect(("AUTH", "u", "x"))
        for content in ("user u on nopass ~* &* +@all\nnonsense\n", "user\n", "user u on +nosuchcommand\n",
                        "user u on\nuser u off\n", "user u (+get\n", "user u %\n",
                        "user default off\nuser a b on\n", "\0\0\0", "user u #xyz\n",
                        "user u on nopass ~* (%~x)\n", "user " + "x" * 100000 + " nonsense\n",
                        "user u \"unbalanced\n", "\xff\xfe\n", "USER? u on\n", "user u ~x\0y on\n"):
            self.write(content)
            reply = self.ask("ACL", "LOAD")
            self.assertTrue(isinstance(reply, str) and reply.startswith("-"), (content[:50], reply))
            self.assertEqual(self.ask("ACL", "LIST"), before, content[:50])
        self.assertEqual(plain(client.command("PING")), "PONG")
        client.close()

    def test_a_file_that_is_not_there(self):
        os.remove(self.path())
        self.table(("-ERR", "ACL", "LOAD"))
        os.mkdir(self.path())
        self.table(("-ERR", "ACL", "LOAD"), ("-ERR", "ACL", "SAVE"))
        os.rmdir(self.path())
        self.table(("OK", "ACL", "SAVE"), ("OK", "ACL", "LOAD"))

    def test_save_and_load(self):
        self.ask("ACL", "SETUSER", "w", "on", ">" + SECRET, "~a*", "%R~b", "&c", "+get", "(+set ~d)")
        before = self.ask("ACL", "LIST")
        self.table(("OK", "ACL", "SAVE"))
        with open(self.path(), encoding="utf-8") as saved:
            content = saved.read()
        self.assertNotIn(SECRET, content)
        self.assertEqual(sorted(content.splitlines()), sorted(before))
        self.assertEqual(os.stat(self.path()).st_mode & 0o022, 0)
        self.assertEqual([name for name in os.listdir(self.server.directory) if re.search(r"tmp|temp", name)],
                         [])
        self.table(("OK", "ACL", "LOAD"), (before, "ACL", "LIST"))


if __name__ == "__main__":
    main()
