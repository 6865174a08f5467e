//! Runs tests in their own network namespace, where addresses and names of the cloud lead to servers of the tests.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Set in the namespace.
const INSIDE: &str = "BULLA_TEST_IN_NAMESPACE";
/// Assigns the address of the metadata service to the loopback device, and writes names of the cloud to a hosts file.
const UP: &str = "
    set -e
    ip link set lo up
    ip addr add 100.100.100.200/32 dev lo
    mount -t tmpfs none /mnt
    printf '127.0.0.1 localhost\\n127.0.0.2 sts.aliyuncs.com\\n127.0.0.3 kst-hzz1.cryptoservice.kms.aliyuncs.com\\n' \\
        > /mnt/hosts
    mount --bind /mnt/hosts /etc/hosts";

/// Runs `test`, which is the test called `name`, again in its own network and mount namespaces. Prints a notice if that is not
/// possible.
pub(crate) fn in_namespace(name: &str, test: fn()) {
    if env::var_os(INSIDE).is_some() {
        return test();
    }
    let flags = if rustix::process::geteuid().is_root() { "-nm" } else { "-rnm" };
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args([flags, "sh", "-c", script]).arg(env::current_exe().unwrap()).stdin(Stdio::null());
        command.output()
    };
    if !unshare(UP).is_ok_and(|output| output.status.success()) {
        // Unlike `eprintln!`, this is not captured by the test runner.
        let _ = writeln!(io::stderr(), "\n*** SKIPPED: {name}: no network namespace can be made here ***\n");
        return;
    }
    let output = unshare(&format!("{UP}\n{INSIDE}=1 exec \"$0\" --exact {name} --nocapture")).unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
