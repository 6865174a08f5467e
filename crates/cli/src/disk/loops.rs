//! Loop devices, which make image files available as block devices.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Returns the loop device to which an image file is attached.
pub(super) fn loop_device_of(image: &Metadata) -> Option<PathBuf> {
    attached(Path::new("/sys/block"), image).map(|name| Path::new("/dev").join(name))
}

/// Returns whether the block device with this folder in sysfs is a loop device of this file.
pub(super) fn is_backed_by(device: &Path, image: &Metadata) -> bool {
    let Ok(backing) = fs::read(device.join("loop/backing_file")) else { return false };
    let backing = Path::new(OsStr::from_bytes(backing.strip_suffix(b"\n").unwrap_or(&backing)));
    fs::metadata(backing).is_ok_and(|file| (file.dev(), file.ino()) == (image.dev(), image.ino()))
}

/// Returns the name of the first device in this folder of sysfs that is a loop device of this file.
fn attached(devices: &Path, image: &Metadata) -> Option<PathBuf> {
    let mut names: Vec<_> =
        fs::read_dir(devices).ok()?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.sort_unstable();
    names.into_iter().find(|name| is_backed_by(&devices.join(name), image)).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_device_of_an_image_is_found_by_any_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["image", "other", "free"] {
            fs::write(path(name), name).unwrap();
        }
        fs::hard_link(path("image"), path("same")).unwrap();
        for (device, backing) in [("loop0", "missing"), ("loop1", "other"), ("loop2", "image"), ("vda", "")] {
            let device = path("block").join(device);
            fs::create_dir_all(device.join("loop")).unwrap();
            if !backing.is_empty() {
                fs::write(device.join("loop/backing_file"), format!("{}\n", path(backing).display()))
                    .unwrap();
            }
        }
        let found = |name: &str| attached(&path("block"), &fs::metadata(path(name)).unwrap());
        assert_eq!(found("image").unwrap(), Path::new("loop2"));
        assert_eq!(found("same").unwrap(), Path::new("loop2"));
        assert_eq!(found("other").unwrap(), Path::new("loop1"));
        assert_eq!(found("free"), None);
        assert_eq!(attached(&path("none"), &fs::metadata(path("image")).unwrap()), None);
    }
}
