//! The library that libcryptsetup loads to open volumes with tokens of bulla: its path and its validation.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::cryptsetup::cryptsetup;
use super::install::{below, remove, write};
use crate::failure::{Exit, Failure};

/// The token plugin of a system.
pub(crate) struct Plugin {
    /// The path that libcryptsetup loads it from.
    place: PathBuf,
}

impl Plugin {
    const NAME: &str = "libcryptsetup-token-bulla.so";
    const MAX_BYTES: u64 = 16 << 20;

    /// Returns the plugin of the system below `root`, in the folder that cryptsetup of this machine uses.
    pub(crate) fn of(root: &Path) -> Result<Self, Failure> {
        let help = cryptsetup(["--help"], &[])?;
        let Some(folder) = folder(&String::from_utf8_lossy(&help)) else {
            let what = "cryptsetup of this machine loads no token plugins";
            return Err(Failure::new(Exit::Other, what, "install cryptsetup 2.4 or newer"));
        };
        Ok(Self { place: below(root, &resolved(&folder)).join(Self::NAME) })
    }

    /// Returns the library beside this program.
    pub(crate) fn beside_program() -> Result<PathBuf, Failure> {
        let program = env::current_exe().map_err(|error| Failure::io(Path::new("/proc/self/exe"), &error))?;
        Ok(program.with_file_name(Self::NAME))
    }

    pub(crate) fn install(&self, library: &Path) -> Result<&Path, Failure> {
        let mut content = Vec::new();
        File::open(library)
            .and_then(|file| file.take(Self::MAX_BYTES + 1).read_to_end(&mut content))
            .map_err(|error| {
                let hint = "./build-token-plugin makes it; name it with --plugin FILE";
                Failure::io(library, &error).advising(hint)
            })?;
        let is_whole = content.len() as u64 <= Self::MAX_BYTES;
        if !is_whole || !is_plugin(&content) {
            let what = format!("{} is not the token plugin", library.display());
            let hint = "name the library that ./build-token-plugin made; cargo cannot link it";
            return Err(Failure::new(Exit::Usage, what, hint));
        }
        write(&self.place, &content, 0o644)?;
        Ok(&self.place)
    }

    /// Removes it. Returns its path if it existed.
    pub(crate) fn remove(&self) -> Result<Option<&Path>, Failure> {
        Ok(remove(&self.place)?.then_some(&*self.place))
    }
}

/// Returns the folder of plugins, as `cryptsetup --help` prints it.
fn folder(help: &str) -> Option<PathBuf> {
    let line = help.lines().find_map(|line| line.strip_prefix("LUKS2 external token plugin path: "))?;
    let folder = Path::new(line.trim_end().trim_end_matches('.'));
    folder.is_absolute().then(|| folder.to_owned())
}

/// Resolves links such as /lib, which is /usr/lib on merged systems. The folder may not exist yet.
fn resolved(folder: &Path) -> PathBuf {
    let exists = folder.ancestors().find_map(|path| Some((path, fs::canonicalize(path).ok()?)));
    match exists {
        Some((path, resolved)) => {
            resolved.join(folder.strip_prefix(path).expect("it is an ancestor of the folder"))
        }
        None => folder.to_owned(),
    }
}

/// Returns whether libcryptsetup finds its functions in this library, under the version that it requires.
fn is_plugin(library: &[u8]) -> bool {
    // The surrounding zeros, which are not in this program, show that the texts are names in a symbol table.
    let has_name = |name: &str| {
        let name = [b"\0", name.as_bytes(), b"\0"].concat();
        library.windows(name.len()).any(|part| part == name)
    };
    library.starts_with(b"\x7fELF") && has_name("cryptsetup_token_open") && has_name("CRYPTSETUP_TOKEN_1.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_what_cryptsetup_prints() {
        let help = "…\nLUKS2 external token plugin path: /lib/x86_64-linux-gnu/cryptsetup.\n\nDefault…";
        assert_eq!(folder(help).unwrap(), Path::new("/lib/x86_64-linux-gnu/cryptsetup"));
        assert_eq!(folder("LUKS2 external token plugin support is compiled out."), None);
        assert_eq!(folder("LUKS2 external token plugin path: here."), None);
    }

    #[test]
    fn links_of_a_folder_are_followed() {
        let root = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(root.path()).unwrap();
        fs::create_dir_all(root.join("usr/lib")).unwrap();
        std::os::unix::fs::symlink("usr/lib", root.join("lib")).unwrap();
        assert_eq!(resolved(&root.join("lib/a/cryptsetup")), root.join("usr/lib/a/cryptsetup"));
    }

    #[test]
    fn a_library_without_versions_is_no_plugin() {
        let names = ["cryptsetup_token_open", "CRYPTSETUP_TOKEN_1.0"];
        let file = |begin: &str, names: &[&str]| format!("{begin}..\0{}\0..", names.join("\0..\0"));
        assert!(is_plugin(file("\x7fELF", &names).as_bytes()));
        assert!(!is_plugin(file("\x7fELF", &names[..1]).as_bytes()));
        assert!(!is_plugin(file("\x7fELF", &names[1..]).as_bytes()));
        assert!(!is_plugin(file("!<arch>", &names).as_bytes()));
        assert!(!is_plugin(b""));
        assert!(!is_plugin(&fs::read("/proc/self/exe").unwrap()), "a program that looks for the names");
    }
}
