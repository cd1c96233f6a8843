# SPDX-License-Identifier: BSD-3-Clause
"""Whether both servers count the same changes of their data: the field rdb_changes_since_last_save of
INFO, by which save points and replicas go, read after each command."""

import re

FIELD = re.compile(rb"\r\nrdb_changes_since_last_save:(\d+)\r\n")


class Changes:
    def __init__(self, *servers):
        self.servers, self.before = servers, [0, 0]
        self.before = self._read()

    def _read(self):
        """A server that is busy doesn't say, and counts nothing."""
        found = [FIELD.search(s.run("INFO", "persistence").value) for s in self.servers]
        return [int(now.group(1)) for now in found] if all(found) else self.before

    def start(self):
        """What was before doesn't matter."""
        self.before = self._read()

    def differ(self):
        """What differs since the last call, or None."""
        now = self._read()
        ours, peers = (after - before for after, before in zip(now, self.before))
        self.before = now
        if ours == peers:
            return None
        return "ours:  counts %d changes\nother: counts %d" % (ours, peers)
