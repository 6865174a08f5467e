"""The section "A witness of the trail" of the documents: its commands, with a server and the Prometheus that scrapes it."""

import os
import re
import shutil
import subprocess
import time
from datetime import datetime, timedelta, timezone

import pytest

from serve import BULLA, ROOT, remote_bulla

HEADING = "### A witness of the trail"


def test_prometheus_has_seals_that_verify_the_trail(start_server, tmp_path):
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is missing")
    server = start_server("--metrics", "0")
    metrics = re.search(r"^Metrics: http://(\S+)/metrics$", server.log, re.MULTILINE)[1]
    from_scrape, from_prometheus = blocks()
    with Prometheus(tmp_path, metrics) as prometheus:
        bulla = remote_bulla(server, tmp_path / "home")

        def verify():
            """Runs both blocks, and returns the seal that Prometheus has."""
            soon = datetime.now(timezone.utc) + timedelta(seconds=1)  # the option has no fractions
            script = f"set -e -o pipefail\n{from_scrape}\n{from_prometheus}"
            script = re.sub(r"--time=\S+", f"--time={soon:%Y-%m-%dT%H:%M:%SZ}", script)
            script = script.replace("127.0.0.1:9190", metrics).replace("127.0.0.1:9090", prometheus)
            script = script.replace("/srv/kms", str(server.data)).replace("bulla audit", f"'{BULLA}' audit")
            done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
            seal = (tmp_path / "seal").read_text().strip()
            assert re.fullmatch("[0-9]+:[0-9a-f]{64}", seal)
            return int(seal.split(":")[0])

        before = verify()
        bulla.kms("CreateKey")
        deadline = time.monotonic() + 30
        while verify() <= before:
            assert time.monotonic() < deadline
            time.sleep(0.5)


@pytest.mark.parametrize("awk", ["awk", "busybox awk"])
def test_every_awk_prints_the_same_seal(awk, tmp_path):
    program, *applet = awk.split()
    if not (program := shutil.which(program)):
        pytest.skip(f"{awk} is missing")
    shim = tmp_path / "awk"
    shim.write_text(f"#!/bin/sh\nexec {' '.join([program, *applet])} \"$@\"\n")
    shim.chmod(0o755)
    words = [0, 1, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]
    scrape = "bulla_audit_sealed_line 12345678\n"
    scrape += "".join(f'bulla_audit_seal_hash{{word="{number}"}} {word}\n' for number, word in enumerate(words))
    function = blocks()[0].split("\ncurl ")[0]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", "-c", f"{function}\nnewest_seal"]
    seal = subprocess.run(command, input=scrape, env=environment, capture_output=True, text=True, timeout=60).stdout
    assert seal == f"12345678:{''.join(f'{word:08x}' for word in words)}\n"


def blocks():
    section = (ROOT / "docs/operations.md").read_text().split(f"\n{HEADING}\n")[1].split("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(found) == 2
    return found


class Prometheus:
    """A Prometheus that scrapes one server each second, from its first sample on."""

    def __init__(self, directory, target):
        self.directory = directory / "prometheus"
        self.directory.mkdir()
        (self.directory / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: bulla, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )

    def __enter__(self):
        log = self.directory / "log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"],
                cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )
        deadline = time.monotonic() + 60
        while True:
            listening = re.search(r"address=(127\.0\.0\.1:[1-9]\d*)", log.read_text())
            if listening and self.has_seal(listening[1]):
                return listening[1]
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise AssertionError(log.read_text())
            time.sleep(0.2)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)

    @staticmethod
    def has_seal(address):
        query = ["promtool", "query", "instant", f"http://{address}", "bulla_audit_seal_hash"]
        return "bulla_audit_seal_hash" in subprocess.run(query, capture_output=True, text=True, timeout=20).stdout
