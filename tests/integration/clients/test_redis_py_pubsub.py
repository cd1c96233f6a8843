#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""redis-py's publish and subscribe as an application uses it."""
import threading

import harness
import redis


class PubSub(harness.Case):
    def setUp(self):
        super().setUp()
        self.r = redis.Redis(port=self.server.port, decode_responses=True,
                             socket_timeout=harness.PATIENCE)
        self.addCleanup(self.r.connection_pool.disconnect)

    def listen(self, **options):
        listener = self.r.pubsub(**options)
        self.addCleanup(listener.close)
        return listener

    def next(self, listener):
        return listener.get_message(timeout=harness.PATIENCE)

    def test_messages(self):
        listener = self.listen()
        listener.subscribe("news")
        listener.psubscribe("n?ws")
        self.assertEqual([self.next(listener)["type"] for _ in range(2)], ["subscribe", "psubscribe"])
        self.assertEqual(self.r.publish("news", "hello"), 2)
        self.assertEqual(self.next(listener),
                         {"type": "message", "pattern": None, "channel": "news", "data": "hello"})
        self.assertEqual(self.next(listener),
                         {"type": "pmessage", "pattern": "n?ws", "channel": "news", "data": "hello"})
        self.assertEqual(self.r.pubsub_channels(), ["news"])
        self.assertEqual(self.r.pubsub_numsub("news", "none"), [("news", 1), ("none", 0)])
        self.assertEqual(self.r.pubsub_numpat(), 1)
        listener.ping("there")
        self.assertEqual(self.next(listener)["data"], "there")
        listener.unsubscribe()
        listener.punsubscribe()
        self.assertEqual([self.next(listener)["data"] for _ in range(2)], [1, 0])
        self.assertFalse(listener.subscribed)

    def test_handlers_in_a_thread(self):
        got, all_there = [], threading.Event()

        def handler(message):
            got.append(message["data"])
            if len(got) == 500:
                all_there.set()

        listener = self.listen(ignore_subscribe_messages=True)
        listener.subscribe(**{"numbers": handler})
        thread = listener.run_in_thread(sleep_time=0.01)
        while self.r.pubsub_numsub("numbers") != [("numbers", 1)]:
            pass
        with self.r.pipeline(transaction=True) as pipe:
            for number in range(500):
                pipe.publish("numbers", number)
            self.assertEqual(pipe.execute(), [1] * 500)
        self.assertTrue(all_there.wait(harness.PATIENCE))
        thread.stop()
        thread.join()
        self.assertEqual(got, [str(number) for number in range(500)])

    def test_keyspace_notifications(self):
        self.r.config_set("notify-keyspace-events", "KEA")
        listener = self.listen(ignore_subscribe_messages=True)
        listener.psubscribe("__keyevent@0__:*")
        self.assertIsNone(self.next(listener))  # the confirmation
        self.r.set("k", "v", px=20)
        events = [self.next(listener)["channel"].split(":")[1] for _ in range(3)]
        self.assertEqual(events, ["set", "expire", "expired"])
        self.r.config_set("notify-keyspace-events", "")


if __name__ == "__main__":
    harness.main()
