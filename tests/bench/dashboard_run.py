"""A hub, two gateways, a fake BigPanda and a Prometheus on loopback, for the dashboard's picture.

All of it is in a temporary directory; what was started is stopped by process id.
"""

import collections
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request

HOST = "127.0.0.1"
MONITORING = "k8s/components/monitoring"
# Whatever proxy this machine is set up for.
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def wait_for(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return found


def answers(url):
    try:
        with OPEN(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


class Run:
    """One installation. Use it as a context: what was started ends with it."""

    def __init__(self, folder, binaries, prometheus):
        self.dir, self.bin, self.prometheus = (
            folder,
            os.path.abspath(binaries),
            os.path.abspath(prometheus),
        )
        self.started = {}
        self.ports = collections.defaultdict(dict)
        self.token = {}
        self.hub_flags = []
        # Of each subscriber, whether what it prints is taken.
        self.reading = {}
        self.stopping = threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        # Subscribers, gateways, the hub, the fake; the reverse of how they were started.
        for name in reversed(list(self.started)):
            self.stop(name)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, words):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(words)
        return self.path(name)

    def start(self, name, *command, stdout=subprocess.DEVNULL):
        with open(self.path(f"{name}.log"), "ab") as log:
            self.started[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log, start_new_session=True
            )

    def stop(self, name, signum=signal.SIGTERM):
        process = self.started.pop(name)
        if name in self.reading:
            self.reading[name].set()
        if process.poll() is None:
            process.send_signal(signum)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def logged(self, name, message):
        """The newest line of a log with that message."""
        if self.started[name].poll() is not None:
            with open(self.path(f"{name}.log"), encoding="utf-8") as log:
                raise RuntimeError(f"{name} ended: {log.read()[-2000:]}")
        found = None
        with open(self.path(f"{name}.log"), encoding="utf-8") as log:
            for line in log:
                if f'"{message}"' in line:
                    found = json.loads(line)
        return found

    def ctl(self, *args, who="oncall"):
        """What incidentctl prints; a refusal is for the hub to count."""
        return subprocess.run(
            [f"{self.bin}/incidentctl", *args, *self.flags_of(who)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        ).stdout

    def flags_of(self, who):
        return [*self.hub_flags, "--token_file=" + self.token[who]] if self.hub_flags else []

    def make_files(self):
        """An authority, a certificate, tokens, and who may send and call."""
        openssl = [
            "openssl",
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        subprocess.run(
            [
                *openssl,
                "-x509",
                "-days",
                "60",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-keyout",
                self.path("key.pem"),
                "-out",
                self.path("cert.pem"),
            ],
            check=True,
            capture_output=True,
        )
        principals = []
        for name, roles in {
            "gateway": ["ingest"],
            "oncall": ["viewer", "responder", "admin"],
            "guest": ["viewer"],
            "gone": [],
        }.items():
            made = json.loads(self.ctl("token", "new", "--json"))
            self.token[name] = self.write(f"{name}.token", made["token"])
            if roles:
                principals.append(
                    {"name": name, "roles": roles, "tokens": [{"sha256": made["sha256"]}]}
                )
        self.write("access.json", json.dumps({"principals": principals}))
        for source in ("bigpanda", "cribl", "apono", "nagios"):
            self.write(source, ("Bearer " if source == "bigpanda" else "") + source)
        header = lambda name, **more: [{"header": {"values_file": name, **more}}]
        self.write(
            "sources.json",
            json.dumps(
                {
                    "sources": [
                        {"name": "bigpanda", "kind": "bigpanda", "credentials": header("bigpanda")},
                        {
                            "name": "apono",
                            "kind": "apono",
                            "credentials": header("apono", scheme="SCHEME_BEARER"),
                        },
                        # App keys are told apart by source, so that the names do for them.
                        *(
                            {
                                "name": name,
                                "kind": "alerts",
                                "app_keys_file": name,
                                "credentials": header(name, scheme="SCHEME_BEARER"),
                            }
                            for name in ("cribl", "nagios")
                        ),
                    ]
                }
            ),
        )
        self.write("app_key", "app-key")
        self.write("api_key", "api-key")

    def start_all(self):
        self.make_files()
        self.start(
            "bigpanda",
            f"{self.bin}/fake-bigpanda",
            "--port=0",
            "--api_key_file=" + self.path("api_key"),
            "--app_key_file=" + self.path("app_key"),
            "--webhook_header=Authorization: Bearer bigpanda",
        )
        fake = wait_for("fake BigPanda", lambda: self.logged("bigpanda", "listening"))["port"]
        self.ports["bigpanda"]["port"] = fake
        self.write(
            "upstream.json",
            json.dumps(
                {
                    "sources": [
                        {
                            "source": "bigpanda",
                            "base_url": f"http://{HOST}:{fake}",
                            "api_key_file": "api_key",
                            "app_key_file": "app_key",
                            "comment_on_ack": True,
                        }
                    ]
                }
            ),
        )
        self.start_hub(0, 0)
        self.hub_flags = [
            f"--hub=localhost:{self.ports['hub']['port']}",
            "--ca_file=" + self.path("cert.pem"),
        ]
        tls = ["--tls_cert_file=" + self.path("cert.pem"), "--tls_key_file=" + self.path("key.pem")]
        for name, flags in (("gateway-a", []), ("gateway-b", tls)):
            self.start(
                name,
                f"{self.bin}/incident-gateway",
                f"--listen={HOST}:0",
                f"--admin_listen={HOST}:0",
                *flags,
                f"--hub=localhost:{self.ports['hub']['port']}",
                "--hub_ca_file=" + self.path("cert.pem"),
                "--hub_token_file=" + self.token["gateway"],
                "--sources_config=" + self.path("sources.json"),
            )
            self.ports[name] = {
                key: wait_for(name, lambda said=said, name=name: self.logged(name, said))["port"]
                for key, said in (("port", "listening"), ("admin_port", "admin listening"))
            }
            url = f"http://{HOST}:{self.ports[name]['admin_port']}/readyz"
            wait_for(name, lambda url=url: answers(url))
        self.tell_bigpanda(
            "webhook-url",
            url=f"http://{HOST}:{self.ports['gateway-a']['port']}/v1/webhooks/bigpanda",
        )
        self.start_prometheus()

    def start_hub(self, port, admin_port):
        self.start(
            "hub",
            f"{self.bin}/incident-hub",
            f"--listen={HOST}:{port}",
            f"--admin_listen={HOST}:{admin_port}",
            "--data_dir=" + self.path("data"),
            "--backup_dir=" + self.path("backups"),
            "--upstream_config=" + self.path("upstream.json"),
            "--access_config=" + self.path("access.json"),
            "--tls_cert_file=" + self.path("cert.pem"),
            "--tls_key_file=" + self.path("key.pem"),
            # Days made minutes, so that retention and a slow subscriber's end can be seen.
            "--retain_events=90s",
            "--retain_resolved=100s",
            "--retain_tombstones=60s",
            "--retain_quarantined=120s",
            "--stuck_write_timeout=15s",
        )
        if not port:
            said = wait_for("hub", lambda: self.logged("hub", "serving"))
            self.ports["hub"] = {"port": said["port"], "admin_port": said["admin_port"]}
        url = f"http://{HOST}:{self.ports['hub']['admin_port']}/readyz"
        wait_for("hub", lambda: answers(url))

    def start_prometheus(self):
        with socket.create_server((HOST, 0)) as free:
            self.ports["prometheus"]["port"] = free.getsockname()[1]
        with open(f"{MONITORING}/rules.yaml", encoding="utf-8") as file:
            lines = file.read().split("\nspec:\n", 1)[1].splitlines()
        self.write("rules.yaml", "\n".join(line[2:] for line in lines) + "\n")
        target = lambda job, pod, name: {
            "targets": [f"{HOST}:{self.ports[name]['admin_port']}"],
            "labels": {"namespace": "incident-hub", "pod": pod, "job": job},
        }
        self.write(
            "prometheus.json",
            json.dumps(
                {
                    "global": {
                        "scrape_interval": "1s",
                        "scrape_timeout": "1s",
                        "evaluation_interval": "1s",
                    },
                    "rule_files": [self.path("rules.yaml")],
                    "scrape_configs": [
                        {
                            "job_name": "all",
                            "static_configs": [
                                target("incident-hub", "incident-hub-0", "hub"),
                                target("incident-gateway", "incident-gateway-a", "gateway-a"),
                                target("incident-gateway", "incident-gateway-b", "gateway-b"),
                            ],
                        }
                    ],
                }
            ),
        )
        url = self.prometheus_url()
        self.start(
            "prometheus",
            self.prometheus,
            "--config.file=" + self.path("prometheus.json"),
            "--storage.tsdb.path=" + self.path("tsdb"),
            "--web.listen-address=" + url.removeprefix("http://"),
        )
        wait_for("Prometheus", lambda: answers(url + "/-/ready"))

    def prometheus_url(self):
        return f"http://{HOST}:{self.ports['prometheus']['port']}"

    def tell_bigpanda(self, path, **body):
        url = f"http://{HOST}:{self.ports['bigpanda']['port']}/fake/{path}"
        with OPEN(url, json.dumps(body).encode(), timeout=10) as response:
            return response.read()

    def watch(self, name, *args):
        """A subscriber. While `reading[name]` is clear it hangs, as when its own work goes no
        further."""
        self.start(
            name,
            f"{self.bin}/incidentctl",
            "watch",
            "--json",
            *args,
            *self.flags_of("oncall"),
            stdout=subprocess.PIPE,
        )
        reading = self.reading[name] = threading.Event()
        reading.set()
        threading.Thread(target=self.drain, args=(self.started[name].stdout, reading)).start()

    @staticmethod
    def drain(pipe, reading):
        with pipe:
            while reading.wait() and pipe.read1(1 << 16):
                pass
