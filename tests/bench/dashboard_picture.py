#!/usr/bin/env python3
"""Draws the dashboard anew, k8s/components/monitoring/dashboard.svg and its upper half, from a run.

  make build && .ci/tools.sh prometheus && tests/bench/dashboard_picture.py

Asks Prometheus for every expression as dashboard.json has it, and fails if one of them has no data.
Needs python3 and openssl, and nothing else that a build does not.
"""

import argparse
import json
import math
import os
import re
import sys
import tempfile
import threading
import time
import urllib.parse

from dashboard_load import Senders, respond, script
from dashboard_run import MONITORING, OPEN, Run
from dashboard_svg import Picture

# $__rate_interval, and the step of the lines: scrapes are a second apart.
RATE, STEP = "20s", 2
# How much of the beginning is left out: rates need two samples, and everybody has to be there.
WARM_UP = 20


def ask(run, path, **query):
    url = f"{run.prometheus_url()}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with OPEN(url, timeout=30) as response:
        return json.load(response)["data"]["result"]


def expression(target, dashboard):
    expr = target["expr"].replace("$__rate_interval", RATE)
    for variable in dashboard["templating"]["list"]:
        expr = expr.replace("$" + variable["name"], variable.get("allValue", ""))
    return expr


def collect(run, dashboard, begin, end):
    """What Picture wants; and fails where there is nothing to draw."""
    data = {"begin": begin, "end": end, "step": STEP, "panels": {}, "annotations": []}
    missing = []
    for panel in dashboard["panels"]:
        found = data["panels"][panel["id"]] = []
        for target in panel.get("targets", []):
            expr = expression(target, dashboard)
            if target.get("instant"):
                result = [
                    {**one, "values": [one["value"]]}
                    for one in ask(run, "query", query=expr, time=end)
                ]
            else:
                result = ask(run, "query_range", query=expr, start=begin, end=end, step=STEP)
            series = []
            for one in result:
                label = re.sub(
                    r"{{(\w+)}}",
                    lambda m, one=one: one["metric"].get(m[1], ""),
                    target["legendFormat"],
                )
                points = [[t, float(v)] for t, v in one["values"] if math.isfinite(float(v))]
                if points:
                    series.append({"legend": label, "points": points})
            if not series:
                missing.append(f"{panel['title']}: {target['refId']}: {expr}")
            found += series
        if found and all(v == 0 for one in found for _, v in one["points"]):
            print(f"only zeros: {panel['title']}")
    for annotation in dashboard["annotations"]["list"]:
        for one in ask(
            run,
            "query_range",
            query=expression(annotation, dashboard),
            start=begin,
            end=end,
            step=STEP,
        ):
            # As Grafana does with useValueForTime.
            times = {float(v) / 1000 for _, v in one["values"]}
            data["annotations"] += sorted(t for t in times if begin < t < end)
    if missing:
        raise RuntimeError("no data for\n  " + "\n  ".join(missing))
    return data


def measure(args, dashboard):
    with tempfile.TemporaryDirectory() as folder, Run(folder, args.bin, args.prometheus) as run:
        run.start_all()
        senders = Senders(run)
        busy = [senders.thread, threading.Thread(target=respond, args=(run,))]
        try:
            begin = time.time() + WARM_UP
            for thread in busy:
                thread.start()
            script(run, senders, args.seconds)
            data = collect(run, dashboard, begin, time.time())
        finally:
            run.stopping.set()
            for thread in busy:
                if thread.ident:
                    thread.join()
        print("answers:", dict(senders.codes))
    return data


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--prometheus", default=".tools/bin/prometheus")
    parser.add_argument("--seconds", type=int, default=320)
    parser.add_argument(
        "--data", default="build/dashboard_run.json", help="where what was measured is kept"
    )
    parser.add_argument("--redraw", action="store_true", help="draw what was measured before")
    args = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    with open(f"{MONITORING}/dashboard.json", encoding="utf-8") as file:
        dashboard = json.load(file)
    if not args.redraw:
        data = measure(args, dashboard)
        with open(args.data, "w", encoding="utf-8") as file:
            json.dump(data, file)
    with open(args.data, encoding="utf-8") as file:
        data = json.load(file)
    picture = Picture(dashboard, data)
    subtitle = (
        f"a run of {(data['end'] - data['begin']) / 60:.0f} minutes, drawn from Prometheus by "
        "tests/bench/dashboard_picture.py; no screenshot of Grafana"
    )
    for name, rows in (("dashboard.svg", None), ("dashboard_top.svg", 3)):
        with open(f"{MONITORING}/{name}", "w", encoding="utf-8") as file:
            file.write(picture.draw(dashboard["title"], subtitle, rows))
        print(f"{MONITORING}/{name}: {os.path.getsize(f'{MONITORING}/{name}')} bytes")


if __name__ == "__main__":
    sys.exit(main())
