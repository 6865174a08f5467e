//! `bulla disk install-plugin` and `install-boot`: install the parts that open volumes without a user.

use std::path::Path;

use crate::args::{InstallBoot, InstallPlugin, InstallRoot};
use crate::disk::{BootScripts, BootSecret, Plugin, Tpm};
use crate::failure::{Exit, Failure};
use crate::messages::note;
use crate::results::{print, print_raw};

pub(super) fn plugin(args: &InstallPlugin) -> Result<(), Failure> {
    let library = match &args.plugin {
        Some(library) => library.clone(),
        None => Plugin::beside_program()?,
    };
    let plugin = Plugin::of(&args.root.path)?;
    let place = plugin.install(&library)?;
    print(format_args!("{} is installed", place.display()))?;
    if !args.root.path.join("usr/bin/bulla").is_file() {
        note("the token plugin runs /usr/bin/bulla, which is missing: install the program there");
    }
    Ok(())
}

pub(super) fn remove_plugin(args: &InstallRoot) -> Result<(), Failure> {
    let plugin = Plugin::of(&args.path)?;
    match plugin.remove()? {
        Some(place) => print(format_args!("{} is removed", place.display())),
        None => print("the token plugin was not installed"),
    }
}

pub(super) fn boot(args: &InstallBoot) -> Result<(), Failure> {
    let root = &args.root.path;
    let secret = if args.no_tpm {
        BootSecret::Plain
    } else if root == Path::new("/") {
        BootSecret::SealedBy(Tpm::of_this_machine(), args.tpm2_pcrs.clone())
    } else {
        BootSecret::Kept // the system below the directory may boot on another machine
    };
    let installed = BootScripts::of(root).install(&secret)?;
    for place in installed.scripts {
        print(format_args!("{} is installed", place.display()))?;
    }
    if let Some(sealed) = &installed.sealed {
        print(format_args!("{} holds the secret of the access key, sealed by the TPM", sealed.display()))?;
    }
    note("run `update-initramfs -u -k all` (dracut: `dracut --force`) to rebuild the boot images");
    note(if installed.sealed.is_some() { SEALED } else { NOT_SEALED });
    Ok(())
}

pub(super) fn remove_boot(args: &InstallRoot) -> Result<(), Failure> {
    let places = BootScripts::of(&args.path).remove()?;
    if places.is_empty() {
        return print("the boot scripts were not installed");
    }
    for place in places {
        print(format_args!("{} is removed", place.display()))?;
    }
    note(
        "run `update-initramfs -u -k all` (dracut: `dracut --force`): the boot images still hold the secret",
    );
    Ok(())
}

pub(super) fn boot_files() -> Result<(), Failure> {
    for file in BootScripts::of(Path::new("/")).boot_files()? {
        let name = file.to_str().ok_or_else(|| {
            Failure::new(Exit::Usage, format!("{} is not UTF-8", file.display()), "rename the file")
        })?;
        print_raw(name)?;
    }
    Ok(())
}

/// The risk of a boot image without a TPM.
const NOT_SEALED: &str = "a boot image holds the secret of the access key, which no TPM seals: an attacker who has this disk and \
    reaches the KMS can open the volumes; docs/disks.md says how to limit the access key";
/// What a user must know about a sealed secret before the TPM refuses it.
const SEALED: &str = "boot images hold the sealed secret. If the boot state changes, the boot prompts for the passphrase: run this \
    command again then. The plain secret stays on this system: if its root volume is not encrypted, delete the file";
