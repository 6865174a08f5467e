//! Which files are installed for boot, and what is refused.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use bulla_client::{Client, ClientOptions, Credentials};
use bulla_wire::kms::DescribeRegions;
use tempfile::TempDir;

use super::super::tpm::tests::{fake, with_script, without_device};
use super::*;

const CONFIG: &str = r#"
    kms = "https://kms.example:7443"
    ca = "/etc/bulla/ca.pem"
    access_key_id = "disk-1"
    access_key_secret_file = "/etc/bulla/disk-secret"
    [[volume]]
    uuid = "088d56d8-1ff1-491c-9259-131a816cd2a6"
    keys = ["key-hzz65f3a68554o6ms5k7j"]
"#;

/// A system with these folders and a configuration.
fn system(folders: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in folders.iter().chain(&["etc/bulla", "boot"]) {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    put(&root, "etc/bulla/disk.toml", CONFIG, 0o644);
    put(&root, "etc/bulla/ca.pem", "", 0o644);
    put(&root, "etc/bulla/disk-secret", "secret\n", 0o600);
    root
}

fn put(root: &TempDir, name: &str, content: &str, mode: u32) {
    let path = root.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn install(root: &TempDir) -> Result<Vec<PathBuf>, String> {
    install_with(root, &BootSecret::Kept).map(|installed| installed.scripts)
}

fn install_with(root: &TempDir, secret: &BootSecret) -> Result<Installed, String> {
    BootScripts::of(root.path()).install(secret).map_err(Failure::into_what)
}

fn sealed_by(tpm: Tpm) -> BootSecret {
    BootSecret::SealedBy(tpm, "7".parse().unwrap())
}

fn files(root: &TempDir) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(root.path()).sort_by_file_name();
    let files = all.into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files.map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn what_is_installed_is_removed() {
    for (folders, count) in [
        (&["usr/share/initramfs-tools"][..], 6),
        (&["usr/lib/dracut"], 4),
        (&["usr/share/initramfs-tools", "usr/lib/dracut"], 9),
    ] {
        let root = system(folders);
        let before = files(&root);
        let installed = install(&root).unwrap();
        assert_eq!(installed.len(), count, "{folders:?}");
        assert_eq!(install(&root).unwrap(), installed, "installing twice is installing once");
        assert_eq!(files(&root).len(), before.len() + count);
        for path in &installed {
            let is_script = fs::read_to_string(path).unwrap().starts_with("#!");
            let is_executable = path.metadata().unwrap().permissions().mode() & 0o111 != 0;
            assert_eq!(is_script, is_executable, "{}", path.display());
        }
        let removed = BootScripts::of(root.path()).remove().unwrap();
        assert_eq!(removed, installed);
        assert_eq!(files(&root), before);
        assert!(!root.path().join("usr/lib/bulla").exists());
        assert!(!root.path().join("usr/lib/dracut/modules.d/95bulla").exists());
        assert!(BootScripts::of(root.path()).remove().unwrap().is_empty());
    }
}

#[test]
fn a_system_without_a_tool_for_boot_images_is_refused() {
    assert!(install(&system(&[])).unwrap_err().contains("neither initramfs-tools nor dracut"));
}

#[test]
fn boot_images_that_others_can_read_are_refused() {
    for (name, mode, is_refused) in [
        ("initrd.img-6.1", 0o644, true),
        ("initrd.img-6.1", 0o640, true),
        ("initramfs-6.1.img", 0o604, true),
        ("initrd.img-6.1", 0o600, false),
        ("vmlinuz-6.1", 0o644, false),
    ] {
        let root = system(&["usr/share/initramfs-tools"]);
        put(&root, &format!("boot/{name}"), "", mode);
        let outcome = install(&root);
        assert_eq!(outcome.is_err(), is_refused, "{name} {mode:o} {outcome:?}");
        if is_refused {
            assert!(outcome.unwrap_err().contains(name));
            assert!(!root.path().join("usr/share/initramfs-tools/hooks").exists(), "nothing is installed");
        }
    }
}

#[test]
fn a_configuration_that_is_unfit_for_boot_is_refused() {
    let refused = |from: &str, to: &str| {
        let root = system(&["usr/share/initramfs-tools"]);
        put(&root, "etc/bulla/disk.toml", &CONFIG.replace(from, to), 0o644);
        install(&root).unwrap_err()
    };
    for here in ["localhost", "kms.localhost", "127.0.0.1", "127.3.2.1", "[::1]"] {
        assert!(refused("kms.example", here).contains("is this machine"), "{here}");
    }
    assert!(refused("https://kms", "http://kms").contains("kms: "));
    assert!(refused(&CONFIG[CONFIG.find("[[").unwrap()..], "").contains("lists no volume"));
    assert!(refused("/etc/bulla/ca.pem", "/etc/bulla/missing.pem").contains("missing.pem"));
    assert!(refused("/etc/bulla/ca.pem", "etc/bulla/ca.pem").contains("absolute"));
    assert!(refused("/etc/bulla/ca.pem", "/etc/bulla/ca\\n.pem").contains("printable"));

    let root = system(&["usr/share/initramfs-tools"]);
    put(&root, "etc/bulla/disk-secret", "secret\n", 0o644);
    assert!(install(&root).unwrap_err().contains("disk-secret"));
    fs::remove_file(root.path().join("etc/bulla/disk-secret")).unwrap();
    assert!(install(&root).unwrap_err().contains("disk-secret"));
}

#[test]
fn a_package_is_built_without_a_configuration() {
    let root = system(&["usr/share/initramfs-tools"]);
    fs::remove_dir_all(root.path().join("etc/bulla")).unwrap();
    assert_eq!(install(&root).unwrap().len(), 6);
}

#[test]
fn a_boot_image_needs_the_files_of_the_configuration() {
    let root = system(&[]);
    let files = BootScripts::of(root.path()).boot_files().unwrap();
    assert_eq!(
        files,
        ["/etc/bulla/disk.toml", "/etc/bulla/ca.pem", "/etc/bulla/disk-secret"].map(PathBuf::from)
    );
}

#[test]
fn a_boot_image_gets_the_secret_that_the_tpm_sealed() {
    let root = system(&["usr/share/initramfs-tools"]);
    let programs = tempfile::tempdir().unwrap();
    let sealed = root.path().join("etc/bulla/disk-secret.tpm2");
    let installed = install_with(&root, &sealed_by(fake(&programs))).unwrap();
    assert_eq!(installed.sealed.unwrap(), sealed);
    let boot_files = || BootScripts::of(root.path()).boot_files().unwrap();
    let names = ["/etc/bulla/disk.toml", "/etc/bulla/ca.pem", "/etc/bulla/disk-secret.tpm2"];
    assert_eq!(boot_files(), names.map(PathBuf::from));
    assert_eq!(install_with(&root, &BootSecret::Kept).unwrap().sealed.unwrap(), sealed);
    // Also without the plain secret.
    let plain = root.path().join("etc/bulla/disk-secret");
    fs::rename(&plain, plain.with_extension("away")).unwrap();
    assert_eq!(boot_files(), names.map(PathBuf::from));
    fs::rename(plain.with_extension("away"), &plain).unwrap();

    let tpm = fake(&programs);
    without_device(&tpm);
    let refused = install_with(&root, &sealed_by(tpm)).unwrap_err();
    assert!(refused.contains("this machine has none now"), "{refused}");
    assert_eq!(install_with(&root, &BootSecret::Plain).unwrap().sealed, None);
    assert!(!sealed.exists() && boot_files().contains(&PathBuf::from("/etc/bulla/disk-secret")));
}

#[test]
fn a_machine_without_a_tpm_has_the_plain_secret_in_its_boot_image() {
    let root = system(&["usr/share/initramfs-tools"]);
    let tpm = fake(&root);
    without_device(&tpm);
    let installed = install_with(&root, &sealed_by(tpm)).unwrap();
    assert_eq!((installed.scripts.len(), installed.sealed), (6, None));
}

#[test]
fn nothing_is_installed_if_the_tpm_does_not_seal() {
    let root = system(&["usr/share/initramfs-tools"]);
    let before = files(&root);
    let programs = tempfile::tempdir().unwrap();
    let refused =
        install_with(&root, &sealed_by(with_script(&programs, "echo Broken. >&2; exit 1"))).unwrap_err();
    assert_eq!(refused, "the TPM does not seal the secret of the access key: systemd-creds: Broken.");
    assert_eq!(files(&root), before);
}

#[test]
fn the_sealed_secret_is_removed_with_the_scripts() {
    let root = system(&["usr/lib/dracut"]);
    let before = files(&root);
    let programs = tempfile::tempdir().unwrap();
    install_with(&root, &sealed_by(fake(&programs))).unwrap();
    let removed = BootScripts::of(root.path()).remove().unwrap();
    assert!(removed.contains(&root.path().join("etc/bulla/disk-secret.tpm2")));
    assert_eq!(files(&root), before);
}

#[test]
fn addresses_of_this_machine_are_known() {
    for own in ["127.0.0.1:1", "0.0.0.0:1", "127.9.9.9:1"] {
        assert!(is_own_address(own.parse().unwrap()), "{own}");
    }
    // From a network for documentation, which no machine is in.
    assert!(!is_own_address("192.0.2.1:1".parse().unwrap()));
}

/// The scripts recognize an outage by these words.
#[test]
fn the_scripts_wait_for_a_kms_that_cannot_be_reached() {
    let endpoint = Endpoint::parse("http://127.0.0.1:1").unwrap();
    let credentials = Credentials::new("id", "secret".to_owned()).unwrap();
    let client = Client::new(endpoint, credentials, ClientOptions::new()).unwrap();
    let error = client.call(&DescribeRegions::default()).unwrap_err().to_string();
    let words = "cannot be reached";
    assert!(error.contains(words), "{error}");
    assert!(SCRIPTS[0].content.contains(&format!("*\"{words}\"*")));
}

#[test]
fn every_script_is_one() {
    for script in &SCRIPTS {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), script.content).unwrap();
        let shell = match script.content.lines().next() {
            Some("#!/bin/bash") => "bash",
            Some("#!/bin/sh") => "sh",
            _ if script.place.ends_with("boot-functions") => "sh",
            _ => continue,
        };
        let status = Command::new(shell).arg("-n").arg(file.path()).status().unwrap();
        assert!(status.success(), "{}", script.place);
    }
}
