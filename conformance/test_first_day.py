"""The section "The first day" of docs/operations.md, run by root on a machine that systemd has booted.

The blocks are those of the page. The machine differs in three ways: Prometheus scrapes and evaluates every second; alerts
that wait for a minute wait for a second; and a system call that the sandbox of the unit refuses ends the server, which would
otherwise only get an error. Where the page sleeps, the test waits for the result.
"""

import json
import re

import pytest

import booted_machine
from booted_machine import BootedMachine, Shell
from serve import BULLA, ROOT

PAGE = (ROOT / "docs/operations.md").read_text()
CLIENT = "The first client"
LOST = "See an alert"

PREPARE = f"""
    mkdir -p root/source/target/release
    cp -r "{ROOT}/contrib" root/source
    sed -i 's/for: 1m$/for: 1s/' root/source/contrib/prometheus/bulla-alerts.yml
    : >root/source/target/release/bulla
    mount --bind "{BULLA}" root/source/target/release/bulla
    echo '127.0.0.1 localhost kms.example.internal' >etc/hosts
    chroot . userdel bulla 2>/dev/null || true
    chroot . useradd --create-home client
    rm -rf etc/bulla usr/local/bin/bulla var/lib/bulla var/lib/bulla-root-key

    # The disks of the page are file systems with what mke2fs leaves in them.
    for disk in srv/bulla-backups var/lib/bulla-root-key mnt/safe; do
        mkdir -p $disk
        mount -t tmpfs -o mode=755 tmpfs $disk
        mkdir -m 700 $disk/lost+found
    done

    # What the page installs is there, and is not upgraded, because the machine has no network.
    echo 'APT::Get::Upgrade "false";' >etc/apt/apt.conf.d/99bulla
    sed -i 's/_interval:  *[0-9]*s/_interval: 1s/; s/_timeout:  *[0-9]*s/_timeout: 1s/' etc/prometheus/prometheus.yml
    rm -rf var/lib/prometheus/metrics2/*

    mkdir etc/systemd/system/bulla.service.d
    printf '[Service]\\nSystemCallErrorNumber=kill\\n' >etc/systemd/system/bulla.service.d/strict.conf
"""

ALERTS = "promtool query instant http://127.0.0.1:9090 ALERTS"
# What is waited for where the page sleeps.
WAITS = {
    ("Watch the server", 2): "promtool query instant http://127.0.0.1:9090 up | grep 'job=\"bulla\".* => 1 '",
    (LOST, 1): f"{ALERTS} | grep BullaStoreLost",
    (LOST, 2): f"bulla status && ! {ALERTS} | grep BullaStoreLost",
    ("Rehearse the restore", 2): "curl -sk https://127.0.0.1:9443/readyz",
}
# What the operator or the server does before a block.
BEFORE = {
    (CLIENT, 1): "cd /home/client; mv ~/source/app-access-key.json .; cp /var/lib/bulla/tls/ca.pem .; chown client *",
    ("The first backup", 1): "until ls /srv/bulla-backups/*.backup; do sleep 0.1; done",
}
# Blocks whose last command fails, with the exit code.
FAILS = {(CLIENT, 2): 3, (LOST, 1): 1}
# The credentials of root for the commands of the tests after the day.
AS_ROOT = """
    export BULLA_KMS=https://127.0.0.1:8443 ALIBABA_CLOUD_CA_BUNDLE=/var/lib/bulla/tls/ca.pem
    of_root() { sed -n 's/.*"'$1'": *"\\([^"]*\\)".*/\\1/p' /mnt/safe/root-access-key.json; }
    export ALIBABA_CLOUD_ACCESS_KEY_ID=$(of_root AccessKeyId) ALIBABA_CLOUD_ACCESS_KEY_SECRET=$(of_root AccessKeySecret)
"""


class Day:
    """What the blocks of the page printed, on a machine that continues to run."""

    def __init__(self, machine):
        self.machine = machine
        self.printed = {}
        self._shells = {user: Shell(machine, user) for user in ("root", "client")}
        self._shells["root"].run("cd ~/source")
        for name, script in blocks("sh").items():
            machine.run(BEFORE.get(name, ":"))
            self.printed[name], status = self._run(name, script)
            expected = FAILS.get(name, 0)
            if status != expected:
                journal = machine.run("journalctl --no-pager --lines=50")
                raise AssertionError(f"{name} ended with {status}: {self.printed[name]}\n{journal}")

    def _run(self, name, script):
        """Runs a block, and waits where it sleeps. Returns what it printed, and its exit code."""
        shell = self._shells["client" if name[0] == CLIENT else "root"]
        printed = []
        for number, part in enumerate(re.split(r"^sleep .*\n", script, flags=re.MULTILINE)):
            if number > 0:
                self.machine.wait_until(WAITS[name])
            text, status = shell.run(part or ":", is_checked=name not in FAILS)
            printed.append(text)
            if status != 0:
                break
        return "\n".join(printed), status

    def close(self):
        """Ends the shells."""
        for shell in self._shells.values():
            shell.close()


def blocks(language):
    """Returns the blocks of the section, by heading and number, with their texts in the order of the page."""
    _, _, section = PAGE.partition("\n## The first day\n")
    section, _, _ = section.partition("\n## ")
    found = {}
    for part in section.split("\n### ")[1:]:
        heading, _, text = part.partition("\n")
        fenced = re.findall(rf"^```{language}\b.*\n((?:.*\n)*?)```$", text, re.MULTILINE)
        found |= {(heading, number): block for number, block in enumerate(fenced, 1)}
    return found


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The first day, until its end."""
    if reason := booted_machine.obstacle("apt-get", "curl", "prometheus", "promtool", "useradd"):
        pytest.skip(f"no machine can be booted here: {reason}")
    machine = BootedMachine(tmp_path_factory.mktemp("first-day"), PREPARE)
    try:
        day = Day(machine)
        yield day
        day.close()
    finally:
        machine.stop()


@pytest.fixture(scope="module")
def machine(day):
    """The machine after the first day."""
    return day.machine


def test_every_block_runs(day):
    assert len(day.printed) > 20
    assert not blocks("(?:bash|console|shell)")
    assert {*WAITS, *BEFORE, *FAILS} <= {*day.printed}


def test_every_block_prints_the_text_of_the_page(day):
    start, backup = day.printed["Start", 1], day.printed["The first backup", 1]
    for shown in ["bulla 0.1.0 is ready", '{"Status":"ok"}', "Keep its first public key elsewhere"]:
        assert shown in PAGE and shown in start, start
    assert "user/app is allowed kms:Decrypt" in day.printed["The first key and the first user", 2]
    client = day.printed[CLIENT, 1]
    assert ":user/app\n" in client and client.endswith("\nfirst order"), client
    (refusal,) = (text for (heading, _), text in blocks("text").items() if heading == CLIENT)
    assert is_like(refusal.strip(), day.printed[CLIENT, 2]), day.printed[CLIENT, 2]
    assert "records, verified; " in backup and "  /srv/bulla-backups/bulla-" in backup, backup
    for line in ["root  CreateKey  ", "app  Decrypt  ", "app  CreateKey  key/*  403 Forbidden.NoPermission"]:
        assert line in day.printed["The audit trail", 1], day.printed["The audit trail", 1]
    assert day.machine.run("grep -c '^[0-9a-f]\\{64\\}$' /mnt/safe/first-key") == "1\n"
    assert '{instance="127.0.0.1:9190", job="bulla"} => 1 ' in day.printed["Watch the server", 2]
    # The log of the other server is beside it.
    assert "it opens" in day.printed["Rehearse the restore", 3].splitlines()


def test_the_lost_store_shows_in_each_place_of_the_page(day):
    _, _, text = PAGE.partition(f"\n### {LOST}\n")
    rows = re.findall(r"^\| [^|]+ \| (.*) \|$", text.partition("\n### ")[0], re.MULTILINE)
    cells = [code for row in rows for code in re.findall(r"`([^`]+)`", row)]
    assert len(cells) == 5, rows
    for text in cells:
        assert is_like(f"...{text}...", day.printed[LOST, 1]), f"{text} is not in {day.printed[LOST, 1]}"
    after = day.printed[LOST, 2]
    assert "bulla 0.1.0 is ready" in after and "BullaStoreLost" not in after, after
    assert "the store is back, and writes are accepted again" in day.machine.run("journalctl --no-pager -u bulla")


def is_like(expected, text):
    """Whether a text is the expected one, in which `...` matches any text."""
    return re.fullmatch(".*".join(map(re.escape, expected.split("..."))), text, re.DOTALL)


def test_the_unit_is_active_and_enabled(machine):
    assert machine.run("systemctl is-active bulla; systemctl is-enabled bulla") == "active\nenabled\n"
    assert show(machine, "StatusText") == "Listening on https://0.0.0.0:8443"
    assert show(machine, "NRestarts") == "0"


def test_the_sandbox_is_in_effect(machine):
    process = show(machine, "MainPID")
    status = dict(re.findall(r"^(\w+):\s+(.*)$", machine.run(f"cat /proc/{process}/status"), re.MULTILINE))
    assert [status[name] for name in ("Seccomp", "NoNewPrivs", "Umask")] == ["2", "1", "0077"]
    assert [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")] == [0] * 4
    assert re.search(r"^Max core file size +0 +0 ", machine.run(f"cat /proc/{process}/limits"), re.MULTILINE)
    # The files of a process that denies core dumps and debuggers belong to root.
    assert machine.run(f"stat -c %U /proc/{process}/maps") == "root\n"
    inside = f"nsenter --mount --target={process}"
    for path in ["/etc/bulla/new", "/usr/new", "/srv/new", "/var/lib/new", "/var/log/new"]:
        assert "Read-only file system" in machine.run(f"{inside} touch {path}", status=1)
    for path in ["/var/lib/bulla", "/var/lib/bulla-root-key", "/srv/bulla-backups"]:
        machine.run(f"{inside} touch {path}/new; rm {path}/new")
    assert "hidepid=invisible,subset=pid" in machine.run(f"grep ' /proc ' /proc/{process}/mountinfo")


def test_backups_are_made_with_a_low_priority(machine):
    """The filter of system calls could refuse it, which only a slow server would show."""
    threads = machine.run(f"cat /proc/{show(machine, 'MainPID')}/task/*/stat")
    values = {name: int(rest.split()[16]) for name, rest in re.findall(r"\((.*)\) (.*)", threads)}
    assert values["bulla-backup"] > 0 and values["bulla"] == 0, values


def test_a_reload_is_applied(machine):
    machine.run("sed -i 's/per-second = 200/per-second = 300/' /etc/bulla/bulla.toml; systemctl reload bulla")
    machine.wait_until("journalctl --no-pager -u bulla | grep 'event=\"the configuration was reloaded\"'")
    assert "300 a second for one access key" in machine.run("bulla status")


def test_what_needs_memory_threads_and_files_works_in_the_sandbox(machine):
    machine.run(f"""{AS_ROOT}
        bulla kms CreateKey --KeySpec EC_SM2 --KeyUsage SIGN/VERIFY
        bulla kms CreateKey --KeySpec RSA_3072 --KeyUsage SIGN/VERIFY
        bulla store check --data /var/lib/bulla
        bulla ram CreateUser --UserName ann
        bulla ram CreateLoginProfile --UserName ann --Password Right-Horse-7
    """)
    sign_in = """
        page=https://127.0.0.1:8443/console/sign-in
        call="curl -s --cacert /var/lib/bulla/tls/ca.pem --cookie cookies --cookie-jar cookies"
        token=$($call $page | sed -n 's/.*name="token" value="\\([^"]*\\)".*/\\1/p' | head -n 1)
        $call -o /dev/null -w '%{http_code} ' $page -H 'Origin: https://127.0.0.1:8443' \
            --data-urlencode "token=$token" -d UserName=ann -d Password=
    """.rstrip()
    assert machine.run(sign_in + "Wrong-Horse-7") == "403 "
    assert machine.run(sign_in + "Right-Horse-7") == "303 "


def test_a_full_file_of_the_trail_is_compressed_in_the_sandbox(machine):
    context = json.dumps({f"purpose-{number}": "x" * 220 for number in range(32)})
    machine.run("sed -i 's/^total-mib.*/&\\nfile-mib = 1\\ncontext-values = true/' /etc/bulla/bulla.toml")
    machine.run("systemctl restart bulla")
    machine.run(f"""{AS_ROOT}
        for number in $(seq 140); do
            bulla kms GenerateDataKey --KeyId alias/orders --EncryptionContext '{context}' >/dev/null
        done
    """)
    machine.wait_until("ls /var/lib/bulla/audit/*.jsonl.gz && ! ls /var/lib/bulla/audit/*.new")
    assert "in 2 files" in machine.run("bulla audit verify /var/lib/bulla/audit")


def test_a_server_that_hangs_is_restarted(machine):
    folder = "/etc/systemd/system/bulla.service.d"
    machine.run(f"printf '[Service]\\nWatchdogSec=5s\\n' >{folder}/watchdog.conf")
    machine.run("systemctl daemon-reload; systemctl restart bulla")
    process = show(machine, "MainPID")
    machine.run(f"kill -STOP {process}")
    expect_restart(machine, process)
    assert "Watchdog timeout" in machine.run("journalctl --no-pager -u bulla")
    machine.run(f"rm {folder}/watchdog.conf; systemctl daemon-reload")


def test_a_server_that_was_killed_is_restarted(machine):
    process = show(machine, "MainPID")
    machine.run(f"kill -KILL {process}")
    expect_restart(machine, process)


def test_an_alert_fires_while_the_server_is_stopped(machine):
    machine.run("systemctl stop bulla")
    machine.wait_until(f"{ALERTS} | grep 'BullaDown.*firing'")
    assert [show(machine, name) for name in ("ActiveState", "Result", "ExecMainStatus")] == ["inactive", "success", "0"]
    trail = machine.run("bulla audit verify /var/lib/bulla/audit")
    lines = re.search(r"lines \d+ to (\d+) in", trail)[1]
    assert f"sealed up to line {lines}\n" in trail
    machine.run("systemctl start bulla")
    machine.wait_until(f"! {ALERTS} | grep BullaDown")


def test_the_sandbox_has_refused_nothing(machine):
    """A refused system call would have ended the server, see strict.conf."""
    journal = machine.run("journalctl --no-pager -u bulla")
    assert not re.findall(r".*(?:status=31/SYS|not permitted|denied|Read-only file system).*", journal, re.IGNORECASE)


def expect_restart(machine, process):
    """Waits until systemd has started another process than this one."""
    is_another = f'test "$(systemctl show -P MainPID bulla)" != {process}'
    machine.wait_until(f"{is_another} && systemctl is-active bulla && bulla status")


def show(machine, name):
    """Returns a property of the unit."""
    return machine.run(f"systemctl show -P {name} bulla").strip()
