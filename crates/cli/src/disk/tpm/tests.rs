//! What systemd-creds is called with and how its answers are read, with a script in its place; conformance/disk has the
//! real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;

/// A TPM in a folder, which seals with a script: the sealed text is the registers, a line end, and the secret with
/// other letters.
pub(in super::super) fn fake(folder: &TempDir) -> Tpm {
    with_script(
        folder,
        r#"case $1 in
            encrypt) echo "${3#--tpm2-pcrs=}"; tr a-z b-za ;;
            decrypt) sed 1d | tr b-za a-z ;;
        esac"#,
    )
}

/// A TPM whose program is this script.
pub(in super::super) fn with_script(folder: &TempDir, script: &str) -> Tpm {
    let tpm =
        Tpm { program: folder.path().join("systemd-creds").into(), device: folder.path().join("tpmrm0") };
    // Written and closed by another process: a thread that starts a program meanwhile would keep the file open for
    // writing.
    let new = folder.path().join("new");
    fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    let copied = Command::new("cp").arg(&new).arg(&tpm.program).status().unwrap();
    assert!(copied.success());
    fs::write(&tpm.device, "").unwrap();
    tpm
}

/// The same machine without its TPM.
pub(in super::super) fn without_device(tpm: &Tpm) {
    fs::remove_file(&tpm.device).unwrap();
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn fault(script: &str) -> String {
    let folder = folder();
    with_script(&folder, script).unseal(b"sealed", Tpm::PATIENCE).unwrap_err().to_string()
}

#[test]
fn what_is_sealed_is_unsealed() {
    let folder = folder();
    let tpm = fake(&folder);
    let sealed = tpm.seal(b"secret", &"0+7".parse().unwrap()).unwrap();
    assert_eq!(sealed.text, *b"0+7\ntfdsfu");
    assert_eq!(sealed.remark, None);
    assert_eq!(**tpm.unseal(&sealed.text, Tpm::PATIENCE).unwrap(), *b"secret");
}

#[test]
fn the_secret_is_no_argument_and_nothing_of_our_environment_is_passed_on() {
    let folder = folder();
    let tpm = with_script(&folder, r#"cat >/dev/null; echo "$@"; env"#);
    let message = String::from_utf8(tpm.seal(b"secret", &Pcrs("7".to_owned())).unwrap().text).unwrap();
    let (arguments, environment) = message.split_once('\n').unwrap();
    assert_eq!(arguments, "encrypt --with-key=tpm2 --tpm2-pcrs=7 --name=bulla-disk - -");
    let of_the_shell = ["PWD", "SHLVL", "_", "OLDPWD"];
    for line in environment.lines() {
        let (name, _) = line.split_once('=').unwrap();
        assert!(["PATH", "LC_ALL"].contains(&name) || of_the_shell.contains(&name), "{line}");
    }
}

#[test]
fn the_cause_is_the_last_line_that_systemd_creds_wrote() {
    for (line, expected) in [
        ("Current policy digest does not match stored policy digest, cancelling …", "the boot state"),
        ("Failed to unseal: tpm:session(1):a policy check failed", "the boot state"),
        ("Failed to load HMAC key in TPM: tpm:parameter(1):integrity check failed", "another TPM sealed it"),
        (
            "TPM2 device is in dictionary attack lockout mode.",
            "systemd-creds: TPM2 device is in dictionary attack lockout",
        ),
    ] {
        let message = fault(&format!(
            "echo 'WARNING:esys: integrity check failed, policy check failed' >&2; echo '{line}' >&2; exit 1"
        ));
        assert!(message.starts_with(expected), "{message}");
    }
    assert_eq!(fault("exit 1"), "systemd-creds: it gave no reason");
}

#[test]
fn a_remark_on_a_sealed_secret_is_kept() {
    let folder = folder();
    let tpm = with_script(&folder, "echo 'PCR policy effectively unenforced!' >&2; cat");
    let sealed = tpm.seal(b"secret", &Pcrs("7".to_owned())).unwrap();
    assert_eq!(sealed.remark.unwrap(), "PCR policy effectively unenforced!");
}

#[test]
fn a_program_that_answers_without_end_is_refused() {
    assert!(fault("exec yes").starts_with("systemd-creds"));
}

#[test]
fn a_tpm_that_does_not_answer_is_given_up() {
    let folder = folder();
    let tpm = with_script(&folder, "exec sleep 600");
    let fault = tpm.unseal(b"sealed", Duration::from_millis(100)).unwrap_err();
    assert!(matches!(fault, TpmFault::Slow(_)), "{fault}");
}

#[test]
fn a_missing_tpm_or_systemd_is_reported() {
    let folder = folder();
    let mut tpm = fake(&folder);
    tpm.program = "/nonexistent/systemd-creds".into();
    assert_eq!(tpm.unseal(b"", Tpm::PATIENCE).unwrap_err().to_string(), "systemd-creds is not installed");
    without_device(&tpm);
    let fault = tpm.unseal(b"", Duration::from_millis(100)).unwrap_err().to_string();
    assert!(fault.starts_with("this machine has no TPM (") && fault.contains("tpmrm0"), "{fault}");
}

#[test]
fn a_tpm_that_its_driver_finds_late_is_waited_for() {
    let folder = folder();
    let tpm = fake(&folder);
    without_device(&tpm);
    let device = tpm.device.clone();
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        fs::write(device, "").unwrap();
    });
    assert_eq!(**tpm.unseal(b"7\ntfdsfu", Tpm::PATIENCE).unwrap(), *b"secret");
    late.join().unwrap();
}

#[test]
fn registers_are_numbers_of_a_tpm() {
    for good in ["7", "0", "23", "0+2+7"] {
        assert_eq!(good.parse::<Pcrs>().unwrap().to_string(), good);
    }
    for bad in ["", "24", "+7", "7+", "7,8", "7 ", "-1", "256", "seven", "--help", "7:sha1"] {
        assert!(bad.parse::<Pcrs>().is_err(), "{bad}");
    }
    assert!(Path::new("/dev/tpmrm0") == Tpm::of_this_machine().device);
}
