"""Metrics in the formats of Prometheus, and whether the dashboard and the alert rules in contrib/ use existing metrics."""

import json
import re
import shutil
import subprocess
import time
from urllib.request import Request, urlopen

import pytest
from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client import parser as text

from serve import ROOT, remote_bulla

RULES = ROOT / "contrib/prometheus/bulla-alerts.yml"
DASHBOARD = ROOT / "contrib/grafana/bulla.json"
OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


@pytest.fixture(scope="module")
def metrics(start_server, tmp_path_factory):
    """Scrapes a server over HTTPS that has answered and refused requests and written records."""
    configuration = tmp_path_factory.mktemp("backup") / "bulla.toml"
    configuration.write_text("[backup]\n")
    server = start_server("--metrics", "0", "--config", configuration)
    bulla = remote_bulla(server, tmp_path_factory.mktemp("home"))
    key = bulla.kms("CreateKey")["KeyMetadata"]["KeyId"]
    bulla.kms("GenerateDataKey", KeyId=key)
    bulla("kms", "DescribeKey", "--KeyId", "alias/none", status=3)
    url = re.search(r"^Metrics: (http://127\.0\.0\.1:\d+/metrics)$", server.log, re.MULTILINE)[1]

    def scrape(accept="text/plain"):
        with urlopen(Request(url, headers={"Accept": accept}), timeout=20) as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    # The trail is sealed once a second, after which its lag remains 0. The first backup is created immediately.
    deadline = time.monotonic() + 20
    for wanted in [
        r"^bulla_backups 1(\.0)?$",
        r'^bulla_records{kind="audit-outbox"} 0(\.0)?$',
        r"^bulla_audit_lag_seconds 0(\.0)?$",
    ]:
        while not re.search(wanted, scrape()[1], re.MULTILINE):
            assert time.monotonic() < deadline, scrape()[1]
            time.sleep(0.1)
    return scrape


def test_both_formats_say_the_same(metrics):
    """Compares two scrapes, without what changes with time or with a scrape."""
    samples = []
    for parser, accept, expected in [
        (text, "text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (open_metrics, OPEN_METRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ]:
        content_type, content = metrics(accept)
        assert content_type == expected
        families = list(parser.text_string_to_metric_families(content))
        assert all(family.documentation and family.type != "unknown" for family in families)
        samples.append(
            {(sample.name, *map(number, sorted(sample.labels.items()))): sample.value
             for family in families for sample in family.samples if not re.match("bulla_backup_.*age_seconds", sample.name)}
        )
    assert samples[0] == samples[1]
    assert samples[0]["bulla_requests_total", ("action", "CreateKey"), ("code", "OK"), ("product", "Kms")] == 1


def number(label):
    """Returns a label with the bound of a bucket as a number, because it can be written in several ways."""
    name, value = label
    return (name, float(value)) if name == "le" else label


def test_dashboard_and_rules_ask_for_what_there_is(metrics):
    labels = labels_by_name(metrics()[1])
    expressions = rules() + queries()
    assert len(expressions) > 30
    for expression in expressions:
        names = re.findall(r"\b(?:bulla|process)_[a-z_]+", expression)
        assert names or "up{" in expression, expression
        for name in names:
            assert name in labels, f"{name} is in no scrape: {expression}"
        known = set().union(*(labels[name] for name in names), {"instance", "job"})
        for name in queried_labels(expression):
            assert name in known, f"{name} is no label of {names}: {expression}"


def test_rules_name_codes_that_there_are():
    """An alert on a misspelled code would never fire."""
    table = (ROOT / "crates/wire/src/error.rs").read_text()
    matchers = re.findall(r'\bcode=~?"([^"]+)"', "\n".join(rules() + queries()))
    codes = {code for matcher in matchers for code in matcher.split("|")} - {"OK", "5xx"}
    assert len(codes) > 3
    assert [code for code in codes if f' "{code}" ' not in table] == []


def test_every_alert_is_tested():
    tests = (ROOT / "conformance/alerts.test.yml").read_text()
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert len(alerts) == len(set(alerts)) > 10
    assert [alert for alert in alerts if f'alertname="{alert}"' not in tests] == []


def test_prometheus_takes_metrics_rules_and_queries(metrics, tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("promtool is missing")
    promtool("check", "metrics", input=metrics()[1])
    promtool("check", "rules", RULES)
    shutil.copy(RULES, tmp_path)
    shutil.copy(ROOT / "conformance/alerts.test.yml", tmp_path)
    promtool("test", "rules", "alerts.test.yml", cwd=tmp_path)
    # No command checks a single query, so each becomes a rule.
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    promtool("check", "rules", "queries.yml", cwd=tmp_path)


def promtool(*arguments, **options):
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stdout + done.stderr


def labels_by_name(content):
    """Returns the names of all samples, with the names of their labels."""
    labels = {}
    for family in text.text_string_to_metric_families(content):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def rules():
    """Returns the expressions of the rules, without a YAML parser, which is not installed."""
    blocks = re.findall(r"^ +expr: (?:\|\n((?: {10,}.*\n)+)|(.+)\n)", RULES.read_text(), re.MULTILINE)
    expressions = [block or line for block, line in blocks]
    assert len(expressions) == RULES.read_text().count("expr:")
    return expressions


def queries():
    """Returns the expressions of the dashboard, with its variables replaced."""
    dashboard = json.loads(DASHBOARD.read_text())
    targets = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(targets) > 15
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    for name in {"__rate_interval", "__range"}:
        targets = [target.replace(f"${name}", "5m") for target in targets]
    for name in variables:
        targets = [target.replace(f"${name}", ".*") for target in targets]
    assert not any("$" in target for target in targets), targets
    return targets


def queried_labels(expression):
    """Returns the labels that an expression selects or groups by."""
    selected = re.findall(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"', expression)
    grouped = [name for group in re.findall(r"\bby \(([^)]*)\)", expression) for name in group.split(",")]
    return {*selected, *(name.strip() for name in grouped)}
