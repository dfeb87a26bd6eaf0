"""Who posts, responds and subscribes for the dashboard's picture, and what goes wrong meanwhile."""

import collections
import concurrent.futures
import http.client
import json
import math
import random
import signal
import socket
import ssl
import threading
import time

from dashboard_run import HOST


class Senders:
    """Posts at a rate that others change, on kept connections to both gateways. What waits is
    bounded: past it posts are left out, as by a sender that has a full queue of its own."""

    WAITING = 100

    def __init__(self, run):
        self.run = run
        self.random = random.Random(7)
        self.rate, self.late = 40.0, 0.0
        self.local = threading.local()
        self.codes = collections.Counter()
        self.waiting = threading.BoundedSemaphore(self.WAITING)
        self.pool = concurrent.futures.ThreadPoolExecutor(32)
        self.thread = threading.Thread(target=self.pace)
        self.tls = ssl.create_default_context(cafile=run.path("cert.pem"))

    def pace(self):
        due, last, begin = 0.0, time.monotonic(), time.monotonic()
        while not self.run.stopping.wait(0.02):
            now = time.monotonic()
            due += (now - last) * self.rate * (1 + 0.35 * math.sin((now - begin) / 14))
            last = now
            while due >= 1:
                due -= 1
                if self.waiting.acquire(blocking=False):
                    self.pool.submit(self.post, *self.body())
        self.pool.shutdown()

    def alert(self, source, late):
        host, check = self.random.randrange(40), self.random.choice(
            ["disk", "load", "http", "replica", "queue"]
        )
        return {
            "status": self.random.choice(["critical", "critical", "warning", "ok"]),
            "host": f"db-{host}",
            "check": check,
            "incident_identifier": f"{source}-{host}-{check}",
            "timestamp": int(time.time() - late),
            "description": f"{check} of db-{host} is at {self.random.randrange(100)} %, "
            + "as seen from the rack; " * 12,
        }

    def body(self):
        """path, source, body of the next post."""
        kind = self.random.random()
        if kind < 0.02:
            return (
                "/v1/webhooks/apono",
                "apono",
                self.random.choice(['{"no": "incident"}', '{"broken', "[1, 2]"]),
            )
        if kind < 0.03:
            return "/data/v2/alerts", "somebody", "{}"
        if kind < 0.12:
            number = self.random.randrange(30)
            return (
                "/v1/webhooks/apono",
                "apono",
                json.dumps(
                    {
                        "event_type": "integration",
                        "event_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                        "data": {
                            "id": f"i-{number}",
                            "name": f"prod-{number}",
                            "type": "postgresql",
                            "status": self.random.choice(["Error", "Warning", "Active"]),
                        },
                    }
                ),
            )
        source = "nagios" if kind < 0.35 else "cribl"
        late = self.random.expovariate(1 / 0.4) + (
            self.late * self.random.random() if source == "nagios" else 0
        )
        body = json.dumps(
            {
                "app_key": source,
                "alerts": [self.alert(source, late) for _ in range(self.random.randrange(1, 4))],
            }
        )
        return "/data/v2/alerts", source, body

    def post(self, path, source, body):
        try:
            gateway = self.random.choice(["gateway-a", "gateway-b"])
            for _ in range(2 if len(body) % 20 == 0 else 1):  # Some send again what was taken.
                self.codes[self.post_once(gateway, path, source, body)] += 1
        finally:
            self.waiting.release()

    def post_once(self, gateway, path, source, body):
        kept = self.local.__dict__
        if gateway not in kept:
            port = self.run.ports[gateway]["port"]
            kept[gateway] = (
                http.client.HTTPConnection(HOST, port, timeout=40)
                if gateway == "gateway-a"
                else http.client.HTTPSConnection("localhost", port, timeout=40, context=self.tls)
            )
        try:
            kept[gateway].request(
                "POST",
                path,
                body,
                {"Authorization": f"Bearer {source}", "Content-Type": "application/json"},
            )
            with kept[gateway].getresponse() as response:
                response.read()
                return response.status
        except (OSError, http.client.HTTPException):
            kept.pop(gateway).close()
            return "broken"


def hang(run, seconds):
    """A subscriber that answers pings and takes nothing: HTTP/2 by hand, and no window given back."""

    def frame(kind, flags, stream, payload):
        return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload

    def header(name, value):  # A literal, not Huffman coded; a length from 127 takes a second byte.
        size = bytes([len(value)]) if len(value) < 127 else bytes([127, len(value) - 127])
        return bytes([0, len(name)]) + name.encode() + size + value.encode()

    with open(run.token["oncall"], encoding="utf-8") as file:
        token = file.read().strip()
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":authority": "localhost",
        ":path": "/incidenthub.v1.IncidentService/Subscribe",
        "te": "trailers",
        "content-type": "application/grpc",
        "authorization": f"Bearer {token}",
    }
    tls = ssl.create_default_context(cafile=run.path("cert.pem"))
    tls.set_alpn_protocols(["h2"])
    deadline = time.monotonic() + seconds
    with socket.create_connection((HOST, run.ports["hub"]["port"])) as plain:
        with tls.wrap_socket(plain, server_hostname="localhost") as hub:
            hub.settimeout(seconds)
            hub.sendall(
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                + frame(4, 0, 0, b"")
                + frame(1, 4, 1, b"".join(header(*h) for h in headers.items()))
                # An empty message: a snapshot, and all that comes.
                + frame(0, 1, 1, bytes(5))
            )
            with hub.makefile("rb") as frames:
                while time.monotonic() < deadline and (head := frames.read(9)):
                    payload = frames.read(int.from_bytes(head[:3]))
                    if head[3] in (4, 6) and not head[4] & 1:  # SETTINGS, PING
                        hub.sendall(frame(head[3], 1, 0, payload if head[3] == 6 else b""))
                    if head[3] == 3:  # RST_STREAM: cut off
                        return


def respond(run):
    """Opens incidents in BigPanda, acknowledges and resolves, with mistakes now and then."""
    number = 0
    while not run.stopping.wait(0.4):
        number += 1
        if number % 4 == 0:
            run.tell_bigpanda("incidents", id=f"bp-{number}")
        if number % 4 == 2 and number > 12:
            run.ctl("ack", f"bp-{number // 4 * 4 - 8}", "--expire=20s", "--note=looking")
        if number % 4 == 3 and number > 30:
            run.ctl("resolve", f"bp-{number // 4 * 4 - 24}", "--note=rolled back")
        if number % 25 == 0:
            run.ctl("list", who="gone")
            run.ctl("ack", "bp-4", who="guest")
        if number % 40 == 0:
            run.ctl("ack", "nobody-knows-this")
            with socket.create_connection((HOST, run.ports["gateway-b"]["port"])) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
                plain.recv(4096)


def script(run, senders, seconds):
    """What happens, each with when it does, in parts of the run."""

    def kill_hub():
        run.stop("hub", signal.SIGKILL)

    def rekey():
        run.tell_bigpanda("api-key", api_key="another-key")

    def fail_bigpanda():
        run.tell_bigpanda("faults", endpoint="resolve", kind="status", status=503, count=40)

    def subscribers():
        run.watch("screen")
        run.watch("critical", "--match=severity=critical", "--latest_only")
        for name in ("pager", "ticket-sync", "audit"):
            run.watch(name, f"--consumer={name}")

    steps = [
        (0.00, subscribers),
        (0.16, lambda: setattr(senders, "rate", 130)),
        (0.25, lambda: setattr(senders, "rate", 40)),
        (0.20, lambda: run.ctl("backup", "first")),
        (0.30, lambda: run.reading["ticket-sync"].clear()),
        (0.47, lambda: run.reading["ticket-sync"].set()),
        (0.12, lambda: threading.Thread(target=hang, args=(run, 60)).start()),
        (0.36, lambda: setattr(senders, "late", 45)),
        (0.46, lambda: setattr(senders, "late", 0)),
        (0.55, kill_hub),
        (0.59, lambda: run.start_hub(run.ports["hub"]["port"], run.ports["hub"]["admin_port"])),
        (0.66, lambda: run.watch("pager-2", "--consumer=pager")),
        (0.70, lambda: run.stop("audit")),
        (0.86, lambda: run.watch("audit", "--consumer=audit")),
        (0.68, fail_bigpanda),
        (0.80, rekey),
        (0.89, lambda: run.write("api_key", "another-key")),
        (0.84, lambda: setattr(senders, "rate", 75)),
        (0.92, lambda: setattr(senders, "rate", 30)),
        (0.94, lambda: run.ctl("backup", "second")),
    ]
    begin = time.monotonic()
    for part, step in sorted(steps, key=lambda s: s[0]) + [(1, lambda: None)]:
        time.sleep(max(0, begin + part * seconds - time.monotonic()))
        step()
