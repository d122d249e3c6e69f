"""Metrics and health over HTTP, and what Prometheus makes of them."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from daemon import LIMIT, Daemon, DaemonTest, function_task, lines, run, wait_until

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
DEPLOY = os.path.join(os.path.dirname(__file__), "..", "..", "deploy")


def http_address(daemon):
    return wait_until(lambda: re.findall(r"serving HTTP on (\S+)", daemon.log()), "HTTP is served")[-1]


def get(address, path):
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=LIMIT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def samples(text):
    """Value by series, as the text has it."""
    return {name: float(value) for name, value in re.findall(r"^([a-z][^ ]*) (\S+)$", text, re.M)}


class MetricsTest(DaemonTest):
    flags = ("--http-listen", "127.0.0.1:0", "--pool", "batch=3")

    def setUp(self):
        self.address = http_address(self.daemon)

    def scrape(self):
        status, text = get(self.address, "/metrics")
        self.assertEqual(200, status, text)
        return samples(text)

    def test_what_ran_is_counted(self):
        before = self.scrape()
        tasks = lines(function_task("covey.noop"), '{"process": {"argv": ["sh", "-c", "printf 12345; exit 3"]}}')
        self.assertExit(3, self.covey("run", "--pool", "batch", "--policy", "settled", "-f", "-", stdin=tasks))
        after = self.scrape()

        def grew(series):
            return after.get(series, 0) - before.get(series, 0)
        self.assertEqual(1, grew('covey_groups_created_total{pool="batch"}'))
        self.assertEqual(1, grew('covey_groups_ended_total{pool="batch",outcome="failed",failure="error"}'), after)
        for kind, outcome, failure in (("function", "succeeded", "none"), ("process", "failed", "exit")):
            of = f'pool="batch",kind="{kind}"'
            self.assertEqual(1, grew("covey_tasks_submitted_total{%s}" % of))
            self.assertEqual(1, grew(f'covey_tasks_ended_total{{{of},outcome="{outcome}",failure="{failure}"}}'))
            self.assertEqual(1, grew("covey_task_run_seconds_count{%s}" % of))
            self.assertEqual(1, grew(f'covey_task_run_seconds_bucket{{{of},le="+Inf"}}'))
        self.assertEqual(5, grew('covey_output_bytes_total{stream="stdout"}'))
        self.assertEqual(3, after['covey_pool_slots{pool="batch"}'])
        self.assertEqual(1, after["covey_serving"])
        self.assertGreater(grew("covey_journal_append_seconds_count"), 0)
        self.assertEqual(1, grew('grpc_server_handled_total{grpc_type="bidi_stream",grpc_service="covey.v1.GroupService",'
                                 'grpc_method="RunGroup",grpc_code="OK"}'))

    def test_a_cancel_is_timed(self):
        before = self.scrape()
        group = self.assertExit(0, self.covey("run", "--detach", "--", "sleep", "60")).out.strip()
        self.assertExit(0, self.covey("cancel", group))
        self.covey("wait", group)
        after = self.scrape()
        for stage in ("delivered", "gone"):
            series = f'covey_cancel_seconds_count{{stage="{stage}"}}'
            self.assertEqual(1, after[series] - before[series])

    def test_what_was_left_and_refused_and_logged(self):
        before = self.scrape()
        self.assertExit(0, self.covey("run", "--", "sh", "-c", "setsid sleep 60 & exit 0"))
        self.assertExit(64, self.covey("create", "--pool", "no-such-pool"))
        after = self.scrape()

        def grew(series):
            return after.get(series, 0) - before.get(series, 0)
        self.assertEqual(1, grew('covey_leftovers_killed_total{of="task"}'))
        self.assertEqual(1, grew('covey_calls_refused_total{reason="POOL_NOT_FOUND"}'), after)
        self.assertEqual(1, grew('covey_log_lines_total{part="processes",level="info"}'))
        self.assertEqual(0, after["covey_log_lost_total"])
        self.assertEqual(100000, after['covey_bound_limit{bound="retain_groups"}'])
        self.assertEqual(after["covey_ended_groups"], after['covey_bound_used{bound="retain_groups"}'])

    def test_readers_of_streams(self):
        follower = self.daemon.covey_start("events", "--new")
        self.addCleanup(follower.communicate)
        self.addCleanup(follower.kill)
        wait_until(lambda: self.scrape()['covey_streams{kind="all_events"}'] == 1, "it is counted")
        wait_until(lambda: self.scrape()['covey_streams_behind{kind="all_events"}'] == 0, "it has caught up")
        self.assertEqual(0, self.scrape()['covey_stream_lag_seconds{kind="all_events"}'])

    def test_only_what_is_there_and_only_to_be_read(self):
        self.assertEqual((200, "ok\n"), get(self.address, "/healthz"))
        self.assertEqual((200, "ready\n"), get(self.address, "/readyz"))
        status, text = get(self.address, "/etc/passwd")
        self.assertEqual(404, status)
        self.assertIn("/metrics, /healthz, /readyz", text)
        host, port = self.address.rsplit(":", 1)
        for method, body, status in (("POST", "x" * 100_000, 405), ("DELETE", None, 405), ("HEAD", None, 200)):
            connection = http.client.HTTPConnection(host, int(port), timeout=LIMIT)
            self.addCleanup(connection.close)
            connection.request(method, "/metrics", body)
            answer = connection.getresponse()
            self.assertEqual(status, answer.status, method)
            text = answer.read()
            self.assertTrue(method != "HEAD" or not text)

    def test_what_is_no_http_holds_up_nobody(self):
        host, port = self.address.rsplit(":", 1)
        for bytes_ in (b"", b"GET", b"\0" * 1000, b"GET /" + b"a" * 100_000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            stuck = socket.create_connection((host, int(port)), timeout=LIMIT)
            self.addCleanup(stuck.close)
            try:
                stuck.sendall(bytes_)
            except ConnectionError:
                pass  # it is closed already
        self.assertEqual(200, get(self.address, "/metrics")[0])

    def test_who_drains_is_not_ready(self):
        self.assertExit(0, self.covey("drain", "--timeout", "0s"))
        self.addCleanup(self.covey, "undrain")
        self.assertEqual((503, "it is draining\n"), get(self.address, "/readyz"))
        self.assertEqual(0, self.scrape()["covey_serving"])
        self.assertExit(0, self.covey("undrain"))
        self.assertEqual(200, get(self.address, "/readyz")[0])

    @unittest.skipUnless(PROMTOOL, "promtool is not installed (apt-get install prometheus)")
    def test_promtool_accepts_them(self):
        self.covey("run", "--", "true")
        checked = run([PROMTOOL, "check", "metrics"], stdin=get(self.address, "/metrics")[1])
        self.assertEqual((0, "", ""), (checked.code, checked.out, checked.err))

    def test_each_metric_is_documented(self):
        page = os.path.join(os.path.dirname(__file__), "..", "..", "server", "docs", "metrics.md")
        with open(page) as file:
            documented = file.read()
        self.covey("run", "--", "true")
        for name in re.findall(r"^# TYPE (\S+)", get(self.address, "/metrics")[1], re.M):
            if not name.startswith("process_"):
                self.assertIn(f"`{name}`", documented)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@unittest.skipUnless(PROMETHEUS, "Prometheus is not installed (apt-get install prometheus)")
class PrometheusTest(unittest.TestCase):
    """Prometheus itself scrapes a daemon that has seen some of everything, and answers questions."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--http-listen", f"127.0.0.1:{free_port()}")
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        cls.folder = tempfile.mkdtemp(prefix="covey-prometheus-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.port = free_port()
        with open(f"{cls.folder}/config.yml", "w") as file:
            file.write(f"global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: covey\n  static_configs:\n"
                       f"  - targets: ['{http_address(cls.daemon)}']\n")
        with open(f"{cls.folder}/log", "wb") as log:
            server = subprocess.Popen(
                [PROMETHEUS, f"--config.file={cls.folder}/config.yml", f"--storage.tsdb.path={cls.folder}/data",
                 f"--web.listen-address=127.0.0.1:{cls.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=cls.folder)
        cls.addClassCleanup(server.wait, LIMIT)
        cls.addClassCleanup(server.kill)
        wait_until(lambda: cls.value('up{job="covey"}') == 1, "Prometheus has scraped the daemon", limit=60)
        cls.daemon.covey("run", "-f", "-", stdin=lines(function_task("covey.noop"), '{"process": {"argv": ["echo"]}}'))
        cls.daemon.covey("run", "--", "false")
        group = cls.daemon.covey("run", "--detach", "--", "sleep", "60").out.strip()
        cls.daemon.covey("cancel", group)
        cls.daemon.covey("wait", group)
        lost = cls.daemon.covey("run", "--detach", "--", "sleep", "60").out.strip()
        wait_until(lambda: cls.value('sum(covey_pool_slots_used)') == 1, "a task runs")
        cls.daemon.kill()
        cls.daemon.start()
        cls.daemon.covey("wait", lost)
        cls.daemon.covey("show", "no-such-group")
        wait_until(lambda: cls.value('sum(covey_tasks_ended_total{failure="lost"})') == 1, "the lost task is counted")

    @classmethod
    def ask(cls, expression):
        try:
            status, text = get(f"127.0.0.1:{cls.port}", "/api/v1/query?query=" + urllib.parse.quote(expression))
        except OSError:
            return []  # it is still starting
        if status == 400:
            raise AssertionError(f"{expression}: {text}")
        return json.loads(text)["data"]["result"] if status == 200 else []

    @classmethod
    def value(cls, expression):
        result = cls.ask(expression)
        return float(result[0]["value"][1]) if result else None

    def test_what_it_knows(self):
        self.assertEqual(1, self.value("covey_recovered_groups"))
        self.assertGreater(self.value("covey_recovery_seconds"), 0)
        self.assertEqual(1, self.value("covey_serving"))
        wait_until(lambda: (self.value("histogram_quantile(0.99, sum by (le) (covey_journal_append_seconds_bucket))") or 0) > 0,
                   "appends took time")

    def test_each_expression_of_the_board_returns_series(self):
        with open(os.path.join(DEPLOY, "grafana", "covey.json")) as file:
            board = json.load(file)
        expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
        self.assertGreater(len(expressions), 20)
        for expression in expressions:
            asked = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            self.assertNotIn("$", asked)
            wait_until(lambda: self.ask(asked), f"{asked} returns series")  # pylint: disable=cell-var-from-loop

    def test_each_alert_looks_at_series_that_there_are(self):
        rules = os.path.join(DEPLOY, "prometheus", "alerts.yaml")
        checked = run([PROMTOOL, "check", "rules", rules])
        self.assertEqual(0, checked.code, checked)
        with open(rules) as file:
            expressions = re.findall(r"^ +expr: (.+)$", file.read(), re.M)
        self.assertGreater(len(expressions), 5)
        for expression in expressions:
            wait_until(lambda: self.ask(expression) is not None, expression)  # pylint: disable=cell-var-from-loop
            for selector in re.findall(r"\b(?:covey|process|grpc|up)(?:_[a-z_]+)?(?:\{[^}]*\})?(?![a-z_({])", expression):
                wait_until(lambda: self.ask(selector), f"{selector} of {expression} returns series")  # pylint: disable=cell-var-from-loop


class AddressTest(unittest.TestCase):
    def daemon(self, *flags):
        daemon = Daemon(*flags)
        self.addCleanup(daemon.remove)
        return daemon

    def test_it_is_off_by_default(self):
        daemon = self.daemon().start()
        self.assertNotIn("HTTP", daemon.log())

    def test_a_unix_socket(self):
        daemon = self.daemon()
        path = os.path.join(daemon.folder, "http")
        daemon.start("--http-listen", f"unix:{path}")
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(path)
        client.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        self.assertIn(b"200 OK", client.recv(4096))
        self.assertEqual(0, daemon.stop())
        self.assertFalse(os.path.exists(path))

    def test_a_port_that_is_taken_fails_the_start(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            daemon = self.daemon()
            daemon.spawn("--http-listen", address)
            self.assertEqual(73, daemon.wait())
            self.assertIn(f"http_listen: cannot listen on {address}: Address already in use", daemon.log())

    def test_bad_addresses_are_usage_errors(self):
        for address, says in (("0.0.0.0:0", "needs insecure_listen"), ("[::]:0", "needs insecure_listen"),
                              ("127.0.0.1", "must be unix:PATH or HOST:PORT"), ("unix:relative", "absolute path")):
            daemon = self.daemon()
            daemon.spawn("--http-listen", address)
            self.assertEqual(64, daemon.wait(), address)
            self.assertIn(says, daemon.log())

    def test_clients_do_not_hold_up_a_stop(self):
        daemon = self.daemon().start("--http-listen", "127.0.0.1:0")
        host, port = http_address(daemon).rsplit(":", 1)
        idle = socket.create_connection((host, int(port)), timeout=LIMIT)
        self.addCleanup(idle.close)
        idle.sendall(b"GET /metrics HTTP/1.1\r\n")
        begin = time.monotonic()
        self.assertEqual(0, daemon.stop())
        self.assertLess(time.monotonic() - begin, 9, "within its stop_timeout")


if __name__ == "__main__":
    unittest.main()
