//! Opens volumes at boot: installs scripts for boot images of initramfs-tools and dracut, unless that would be unsafe.
//!
//! A boot image holds the secret of the access key, sealed by the TPM if the machine has one, and no other user may
//! read the image. The scripts run `cryptsetup open --token-only`. `disk unlock` and [`DiskConfig`] decide which
//! volumes are opened and by which KMS, as on the running system.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bulla_client::Endpoint;

use super::install::{below, remove, write};
use super::tpm::{Pcrs, Tpm};
use super::unlock::DiskConfig;
use crate::failure::{Exit, Failure};

/// The boot scripts of the system below a directory.
pub(crate) struct BootScripts<'r> {
    root: &'r Path,
}

/// In which form boot images get the secret of the access key.
pub(crate) enum BootSecret {
    /// Unchanged.
    Kept,
    /// As plain text.
    Plain,
    /// Sealed by this TPM and bound to these registers; as plain text if the machine has no TPM.
    SealedBy(Tpm, Pcrs),
}

/// The result of an installation.
#[derive(Debug)]
pub(crate) struct Installed {
    /// The paths of the scripts.
    pub(crate) scripts: Vec<PathBuf>,
    /// The file with the sealed secret; `None` if boot images hold the plain one.
    pub(crate) sealed: Option<PathBuf>,
}

/// An installed file.
struct Script {
    tool: Tool,
    place: &'static str,
    mode: u32,
    content: &'static str,
}

/// A program that makes boot images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Both,
    InitramfsTools,
    Dracut,
}

/// All installed files. Scripts below /etc/initramfs-tools would run after cryptroot, which orders only the scripts in
/// its own folder before itself.
const SCRIPTS: [Script; 9] = [
    Script {
        tool: Tool::Both,
        place: "/usr/lib/bulla/boot-functions",
        mode: 0o644,
        content: include_str!("boot/boot-functions"),
    },
    Script {
        tool: Tool::InitramfsTools,
        place: "/usr/share/initramfs-tools/conf.d/bulla",
        mode: 0o644,
        content: include_str!("boot/initramfs-tools/umask"),
    },
    Script {
        tool: Tool::InitramfsTools,
        place: "/usr/share/initramfs-tools/hooks/bulla",
        mode: 0o755,
        content: include_str!("boot/initramfs-tools/hook"),
    },
    Script {
        tool: Tool::InitramfsTools,
        place: "/usr/share/initramfs-tools/scripts/local-top/bulla",
        mode: 0o755,
        content: include_str!("boot/initramfs-tools/local-top"),
    },
    Script {
        tool: Tool::InitramfsTools,
        place: "/usr/share/initramfs-tools/scripts/local-block/bulla",
        mode: 0o755,
        content: include_str!("boot/initramfs-tools/local-block"),
    },
    Script {
        tool: Tool::InitramfsTools,
        place: "/usr/share/initramfs-tools/scripts/local-bottom/bulla",
        mode: 0o755,
        content: include_str!("boot/initramfs-tools/local-bottom"),
    },
    Script {
        tool: Tool::Dracut,
        place: "/usr/lib/dracut/modules.d/95bulla/module-setup.sh",
        mode: 0o755,
        content: include_str!("boot/dracut/module-setup.sh"),
    },
    Script {
        tool: Tool::Dracut,
        place: "/usr/lib/dracut/modules.d/95bulla/wait-for-kms.sh",
        mode: 0o755,
        content: include_str!("boot/dracut/wait-for-kms.sh"),
    },
    Script {
        tool: Tool::Dracut,
        place: "/usr/lib/dracut/modules.d/95bulla/wait-for-kms.conf",
        mode: 0o644,
        content: include_str!("boot/dracut/wait-for-kms.conf"),
    },
];

impl Tool {
    /// Returns whether the system has the program.
    fn is_in(self, root: &Path) -> bool {
        let has = |folder: &str| below(root, Path::new(folder)).is_dir();
        match self {
            Self::InitramfsTools => has("/usr/share/initramfs-tools"),
            Self::Dracut => has("/usr/lib/dracut"),
            Self::Both => Self::InitramfsTools.is_in(root) || Self::Dracut.is_in(root),
        }
    }
}

impl<'r> BootScripts<'r> {
    pub(crate) fn of(root: &'r Path) -> Self {
        Self { root }
    }

    /// Seals the secret of the access key, and installs the scripts for the programs that the system has.
    ///
    /// # Errors
    /// The system has no such program, other users can read a boot image, the configuration cannot be used at boot, or
    /// the TPM does not seal. A package that is built below another directory has no configuration yet;
    /// [`boot_files`](Self::boot_files) checks it again for each boot image.
    pub(crate) fn install(&self, secret: &BootSecret) -> Result<Installed, Failure> {
        if !Tool::Both.is_in(self.root) {
            let what = format!("{} has neither initramfs-tools nor dracut", self.root.display());
            let hint = "install one; a system without an initramfs needs no boot scripts, but lines in /etc/crypttab";
            return Err(Failure::new(Exit::Other, what, hint));
        }
        let is_package = self.root != Path::new("/") && !self.below(DiskConfig::PATH).exists();
        self.check_images()?;
        let sealed = if is_package { None } else { self.place_secret(secret)? };
        let applicable = SCRIPTS.iter().filter(|script| script.tool.is_in(self.root));
        let mut scripts = Vec::new();
        for script in applicable {
            let place = self.below(script.place);
            write(&place, script.content.as_bytes(), script.mode)?;
            scripts.push(place);
        }
        Ok(Installed { scripts, sealed })
    }

    /// Removes the scripts and the sealed secret, and returns the paths of the removed files. Boot images keep their
    /// copies until they are rebuilt. A sealed secret stays if no plain copy exists.
    pub(crate) fn remove(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut places = Vec::new();
        for script in &SCRIPTS {
            let place = self.below(script.place);
            if remove(&place)? {
                // Folders that only these files need.
                let own = ["bulla", "95bulla"];
                let folder = place.parent().unwrap_or(self.root);
                if folder.file_name().is_some_and(|name| own.iter().any(|own| name == *own)) {
                    let _ = fs::remove_dir(folder); // fails while it has other files
                }
                places.push(place);
            }
        }
        // Without a readable configuration, there is no secret for boot images.
        if let Ok(config) = DiskConfig::read(&self.below(DiskConfig::PATH)) {
            places.extend(config.secret(self.root).forget_sealed()?);
        }
        Ok(places)
    }

    /// Returns the files of the configuration that a boot image needs, after checking that they can be used at boot.
    pub(crate) fn boot_files(&self) -> Result<Vec<PathBuf>, Failure> {
        let config = self.config()?;
        let secret = config.secret(self.root).boot_file()?;
        let files = [Some(Path::new(DiskConfig::PATH)), config.ca(), Some(&secret)];
        let files: Vec<_> = files.into_iter().flatten().map(Path::to_owned).collect();
        files.iter().try_for_each(|path| self.check_file(path))?;
        Ok(files)
    }

    /// Checks the configuration, and provides the secret for boot images in the requested form. Returns the sealed
    /// file.
    fn place_secret(&self, form: &BootSecret) -> Result<Option<PathBuf>, Failure> {
        let secret = self.config()?.secret(self.root);
        match form {
            BootSecret::Kept => {}
            BootSecret::Plain => secret.use_plain()?,
            BootSecret::SealedBy(tpm, pcrs) if tpm.is_there() => secret.seal(tpm, pcrs)?,
            BootSecret::SealedBy(..) => {
                if let Some(sealed) = secret.sealed() {
                    let what = format!("a TPM sealed {}, and this machine has none now", sealed.display());
                    let hint = "switch the TPM on, or let boot images hold the plain secret: --no-tpm";
                    return Err(Failure::new(Exit::Usage, what, hint));
                }
            }
        }
        self.boot_files()?;
        Ok(secret.sealed().map(Path::to_owned))
    }

    /// Returns the configuration, after checking that it can be used at boot.
    fn config(&self) -> Result<DiskConfig, Failure> {
        let config = DiskConfig::read(&self.below(DiskConfig::PATH))?;
        if config.is_empty() {
            let what = format!("{} lists no volume", DiskConfig::PATH);
            return Err(Failure::new(
                Exit::Usage,
                what,
                "list the volumes to open; docs/disks.md has an example",
            ));
        }
        check_is_elsewhere(&config.endpoint()?, self.root == Path::new("/"))?;
        Ok(config)
    }

    /// Refuses a path that the scripts could not copy.
    fn check_file(&self, path: &Path) -> Result<(), Failure> {
        let shown = path.to_string_lossy();
        if !path.is_absolute()
            || shown.contains(char::is_control)
            || shown.contains(char::REPLACEMENT_CHARACTER)
        {
            let what = format!("{}: {shown:?} is not an absolute path of printable text", DiskConfig::PATH);
            return Err(Failure::new(Exit::Usage, what, "rename the file, such as /etc/bulla/kms-ca.pem"));
        }
        let file = self.below(path);
        fs::File::open(&file).map_err(|error| Failure::io(&file, &error))?;
        Ok(())
    }

    /// Refuses while other users can read a boot image, because its replacement may get the same permissions.
    fn check_images(&self) -> Result<(), Failure> {
        let boot = self.below("/boot");
        let Ok(entries) = fs::read_dir(&boot) else {
            return Ok(()); // no images yet
        };
        for entry in entries {
            let entry = entry.map_err(|error| Failure::io(&boot, &error))?;
            let name = entry.file_name();
            let is_image =
                ["initrd", "initramfs"].iter().any(|begin| name.to_string_lossy().starts_with(begin));
            let path = entry.path();
            let metadata = path.metadata().ok().filter(fs::Metadata::is_file);
            let is_readable = metadata.is_some_and(|metadata| metadata.permissions().mode() & 0o044 != 0);
            if is_image && is_readable {
                let what = format!("{}: other users can read this boot image", path.display());
                let hint = format!("chmod 600 {}; then repeat this command", path.display());
                return Err(Failure::new(Exit::Usage, what, hint));
            }
        }
        Ok(())
    }

    fn below(&self, path: impl AsRef<Path>) -> PathBuf {
        below(self.root, path.as_ref())
    }
}

/// Refuses a KMS on this machine: it needs the disk to be open before it can open the disk.
fn check_is_elsewhere(kms: &Endpoint, is_this_system: bool) -> Result<(), Failure> {
    let host = kms.host().trim_start_matches('[').trim_end_matches(']');
    // A name that does not resolve now may resolve at boot.
    let addresses = || (host, 1).to_socket_addrs().into_iter().flatten();
    let is_here = kms.is_loopback()
        || host.ends_with(".localhost")
        || (is_this_system && addresses().any(is_own_address));
    if !is_here {
        return Ok(());
    }
    let what = format!(
        "{}: the KMS {host} is this machine, and cannot open a disk before it runs",
        DiskConfig::PATH
    );
    Err(Failure::new(Exit::Usage, what, "name a KMS on another machine"))
}

/// Returns whether this machine has the address: a socket connected to it then has the same source address. No packet
/// is sent.
fn is_own_address(address: SocketAddr) -> bool {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let ip = address.ip();
    let source = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    ip.is_loopback() || ip.is_unspecified() || source.is_ok_and(|source| source.ip() == ip)
}

#[cfg(test)]
mod tests;
