# SPDX-License-Identifier: BSD-3-Clause
"""The keyspace events of each case: both servers publish all classes, somebody listens on each, and
what came by a case's end is compared, with the order.

What expires or is evicted goes when a server gets round to it, so that isn't compared here; cases of
their own do it.
"""

ALL_CLASSES = "EAnm"
UNTIMELY = (b"expired", b"hexpired", b"evicted")
PREFIX = b"__keyevent@"
PARAMETER = b"notify-keyspace-events"
# Sections in which one of these stands meddle with connections, or with what listening here needs.
MEDDLING = {PARAMETER, b"PUBSUB", b"MONITOR", b"KILL", b"PAUSE", b"maxclients", b"connected_clients"}


def concern(section):
    """Whether the section gets in the way of listening, or the other way round."""
    return any(word.data in MEDDLING or word.data.upper() in MEDDLING
               for step in section.steps for word in step.words)


class Listener:
    """Listens to one server, beside the case's connections."""

    def __init__(self, server):
        self.server = server
        server.run("CONFIG", "SET", PARAMETER, ALL_CLASSES)
        self.connection = server.connect()
        self.connection.command("PSUBSCRIBE", PREFIX + b"*")

    def close(self):
        self.connection.close()
        self.server.run("CONFIG", "SET", PARAMETER, "")

    def take(self):
        """What came since the last time, as texts. A PING's answer stands behind what was published
        before it."""
        self.connection.send(b"PING\r\n")
        events = []
        while True:
            parts = [part.value for part in self.connection.read()[0].value]
            if parts[0] == b"pong":
                return events
            database, name = parts[2][len(PREFIX):].split(b"__:", 1)
            if name not in UNTIMELY:
                events.append("%s %s %r" % (database.decode(), name.decode(), parts[3]))
