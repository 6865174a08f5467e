"""The jobs of docs/ci.md: their steps with only the addresses replaced, run by the shell of the CI system."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from serve import BULLA, ROOT, environment, remote_bulla

BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs/ci.md").read_text(), re.MULTILINE | re.DOTALL)
# The shells of the CI systems. GitHub starts one for each step, GitLab one for the whole script.
GITHUB, GITLAB = ("bash", "-e"), ("bash", "-e", "-o", "pipefail")
ACCOUNT, AUDIENCE, SUBJECT = "111122223333", "bulla", "repo:acme/website:ref:refs/heads/main"


class Job:
    """A job of the page: its variables and the scripts of its steps."""

    def __init__(self, text):
        self.variables = dict(re.findall(r"^ +([A-Z_]+): (\S+)$", text, re.MULTILINE))
        steps = re.findall(r"^ +run: \|\n((?: {10}.*\n)+)", text, re.MULTILINE)
        self.shell = GITHUB if steps else GITLAB
        self.scripts = steps or ["\n".join(re.findall(r"^    - (.*)$", text, re.MULTILINE))]

    def run(self, directory, replaced, **variables):
        """Runs the steps in sequence, and ends the processes that they leave running."""
        found = environment(directory) | self.variables | variables
        found["PATH"] = f"{BULLA.parent}:{found['PATH']}"
        for old, new in replaced.items():
            found = {name: value.replace(old, new) for name, value in found.items()}
        groups = []
        try:
            for script in self.scripts:
                for old, new in replaced.items():
                    script = script.replace(old, new)
                step = subprocess.Popen(
                    (*self.shell, "-c", script),
                    cwd=directory,
                    env=found,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                )
                groups.append(step.pid)
                output, _ = step.communicate(timeout=60)
                assert step.returncode == 0, output
        finally:
            for group in groups:
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGTERM)


JOBS = [Job(text) for text in BLOCKS]


def test_every_job_is_found():
    assert [(job.shell, len(job.scripts)) for job in JOBS] == [(GITHUB, 2), (GITLAB, 1)] * 2
    assert all("BULLA_KMS" in job.variables and all(job.scripts) for job in JOBS)


@pytest.mark.parametrize("job", JOBS[:2], ids=["GitHub Actions", "GitLab"])
def test_a_job_has_a_kms_of_its_own(tmp_path, job):
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    job.run(tmp_path, {"8443": str(port)})
    assert (tmp_path / "plain.bulla").read_bytes()[:6] == b"\x89bulla"


@pytest.fixture(scope="module")
def deployment(start_server, identity_provider, tmp_path_factory):
    """A server that accepts the tokens of the jobs, configured as in docs/access.md, and the file in the repository."""
    home = tmp_path_factory.mktemp("operator")
    configuration = home / "bulla.toml"
    lines = identity_provider.configuration.read_text()
    configuration.write_text(re.sub("client-ids = .*", f"client-ids = ['{AUDIENCE}']", lines))
    server = start_server("--config", configuration)
    bulla = remote_bulla(server, home)
    key = bulla("key", "create", "--alias", "alias/work").decode().strip()
    trust, permissions = documents("A CI job with an OIDC token")
    trust = trust.replace("ACCOUNT", ACCOUNT).replace("repo:team/app:ref:refs/heads/main", SUBJECT)
    (home / "trust.json").write_text(trust)
    (home / "permissions.json").write_text(permissions.replace("KEY", key))
    bulla("policy", "create", "ci", home / "permissions.json")
    bulla("role", "create", "ci", "--trust", home / "trust.json")
    bulla("role", "attach", "ci", "ci")
    (home / "deploy.env").write_text("PASSWORD=secret\n")
    bulla("encrypt", "-k", "alias/work", "-c", "purpose=deploy", home / "deploy.env")
    return server, home / "deploy.env.bulla"


def documents(heading):
    """Returns the policies in a section of docs/access.md."""
    _, _, section = (ROOT / "docs/access.md").read_text().partition(f"\n### {heading}\n")
    return re.findall(r"^```json\n(.*?)^```$", section.partition("\n### ")[0], re.MULTILINE | re.DOTALL)


@pytest.fixture
def token_service(identity_provider):
    """The address at which a job of GitHub gets its token with a password."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            is_right = self.headers["Authorization"] == "bearer password" and self.path.endswith(f"&audience={AUDIENCE}")
            body = json.dumps({"value": identity_provider.token(sub=SUBJECT, aud=AUDIENCE)}).encode()
            self.send_response(200 if is_right else 403)
            self.end_headers()
            self.wfile.write(body if is_right else b"")

        def log_message(self, *_):
            """Logs nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as service:
        Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{service.server_port}/token?api-version=2.0"
        service.shutdown()


@pytest.mark.parametrize("job", JOBS[2:], ids=["GitHub Actions", "GitLab"])
def test_a_job_decrypts_without_an_access_key(deployment, identity_provider, token_service, tmp_path, job):
    server, encrypted = deployment
    shutil.copy(encrypted, tmp_path)
    shutil.copy(server.ca, tmp_path / "ca.pem")
    assert ACCOUNT in job.variables["ALIBABA_CLOUD_ROLE_ARN"]
    given = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": token_service,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "password",
        "BULLA_TOKEN": identity_provider.token(sub=SUBJECT, aud=AUDIENCE),
    }
    job.run(tmp_path, {"https://kms.example.com:8443": server.url}, **given)
    assert (tmp_path / "deploy.env").read_text() == "PASSWORD=secret\n"


def test_a_job_of_another_branch_decrypts_nothing(deployment, identity_provider, tmp_path):
    server, encrypted = deployment
    shutil.copy(encrypted, tmp_path)
    shutil.copy(server.ca, tmp_path / "ca.pem")
    token = identity_provider.token(sub=f"{SUBJECT}-not", aud=AUDIENCE)
    with pytest.raises(AssertionError, match="NoPermission"):
        JOBS[3].run(tmp_path, {"https://kms.example.com:8443": server.url}, BULLA_TOKEN=token)
    assert not (tmp_path / "deploy.env").exists()
