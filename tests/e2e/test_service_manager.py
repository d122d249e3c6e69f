"""coveyd under a service manager: what it tells by the protocol of sd_notify(3)."""

import os
import signal
import socket
import unittest

from daemon import Daemon, LIMIT, wait_until


class Manager:
    """The manager's end of the socket, and a daemon that was told of it."""

    def __init__(self, test, *flags, abstract=False, environment=()):
        self.daemon = Daemon(*flags)
        test.addCleanup(self.daemon.remove)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        test.addCleanup(self.socket.close)
        path = f"covey-{os.path.basename(self.daemon.folder)}" if abstract else os.path.join(self.daemon.folder, "notify")
        self.socket.bind("\0" + path if abstract else path)
        self.socket.settimeout(LIMIT)
        variables = [f"NOTIFY_SOCKET={'@' if abstract else ''}{path}", *environment]
        self.daemon.command = ["env", "-u", "WATCHDOG_PID", *variables, *self.daemon.command]

    def receive(self):
        """The next message, as {name: value}."""
        return dict(line.split("=", 1) for line in self.socket.recv(65536).decode().splitlines())

    def until(self, name):
        """The next message that has this variable; pings may come in between."""
        while name not in (message := self.receive()):
            assert set(message) == {"WATCHDOG"}, message
        return message


class NotifyTest(unittest.TestCase):
    def test_ready_means_ready(self):
        for abstract in (False, True):
            with self.subTest(abstract=abstract):
                manager = Manager(self, abstract=abstract)
                manager.daemon.spawn()
                message = manager.receive()
                self.assertEqual("1", message["READY"])
                self.assertIn(manager.daemon.address, message["STATUS"])
                self.assertEqual(0, manager.daemon.covey("health").code)  # at the first attempt
                self.assertEqual(0, manager.daemon.stop())

    def test_stopping_asks_for_the_time_it_may_take(self):
        manager = Manager(self, "--drain-timeout", "1h", "--stop-timeout", "3h")
        daemon = manager.daemon.start()
        self.assertIn("READY", manager.receive())
        daemon.covey("run", "--detach", "--", "sleep", "60")
        daemon.signal(signal.SIGTERM)
        message = manager.receive()
        self.assertEqual("1", message["STOPPING"])
        self.assertEqual("suspending", message["STATUS"])
        self.assertGreater(int(message["EXTEND_TIMEOUT_USEC"]), 3 * 3_600_000_000)
        daemon.signal(signal.SIGTERM)  # hurry
        self.assertEqual(0, daemon.wait())

    def test_a_reload_is_told(self):
        manager = Manager(self)
        daemon = manager.daemon
        config = os.path.join(daemon.folder, "coveyd.toml")
        open(config, "w").close()
        daemon.start("--config", config)
        self.assertIn("READY", manager.receive())
        daemon.signal(signal.SIGHUP)
        message = manager.receive()
        self.assertEqual("1", message["RELOADING"])
        self.assertGreater(int(message["MONOTONIC_USEC"]), 0)
        self.assertNotIn("refused", manager.receive()["STATUS"])
        with open(config, "w") as file:
            file.write("queues = 0\n")
        daemon.signal(signal.SIGHUP)
        self.assertIn("RELOADING", manager.receive())
        self.assertIn("refused", manager.receive()["STATUS"])
        self.assertEqual(0, daemon.stop())

    def test_watchdog_is_fed_until_it_stands_still(self):
        manager = Manager(self, environment=["WATCHDOG_USEC=200000"])
        daemon = manager.daemon.start()
        self.assertIn("READY", manager.receive())
        for _ in range(5):
            self.assertEqual({"WATCHDOG": "1"}, manager.receive())
        daemon.signal(signal.SIGSTOP)
        try:
            manager.socket.setblocking(False)
            wait_until(lambda: self.drained(manager), "what was sent before has been read")
        finally:
            daemon.signal(signal.SIGCONT)
        manager.socket.settimeout(LIMIT)
        self.assertEqual({"WATCHDOG": "1"}, manager.receive())
        daemon.signal(signal.SIGTERM)
        self.assertEqual("1", manager.until("STOPPING")["STOPPING"])
        self.assertEqual(0, daemon.wait())

    @staticmethod
    def drained(manager):
        try:
            manager.receive()
        except BlockingIOError:
            return True
        return False

    def test_no_pings_without_a_watchdog(self):
        manager = Manager(self)
        daemon = manager.daemon.start()
        self.assertIn("READY", manager.receive())
        self.assertEqual(0, daemon.stop())
        self.assertIn("STOPPING", manager.receive())

    def test_tasks_do_not_speak_for_the_daemon(self):
        manager = Manager(self, environment=["WATCHDOG_USEC=60000000", "VISIBLE=yes"])
        daemon = manager.daemon.start()
        shown = daemon.covey("run", "--raw", "--inherit-env", "--", "env").out
        self.assertIn("VISIBLE=yes", shown)
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
            self.assertNotIn(name, shown)
        self.assertEqual(0, daemon.stop())


if __name__ == "__main__":
    unittest.main()
