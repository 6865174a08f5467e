//! The parts of a volume that the plugin reads through libcryptsetup.

use std::ffi::{CStr, CString, c_int};
use std::ptr;

#[cfg(test)]
use crate::fake as libcryptsetup;
#[cfg(not(test))]
use crate::libcryptsetup;

pub use libcryptsetup::CryptDevice;
use libcryptsetup::{CRYPT_LOG_ERROR, CRYPT_LOG_NORMAL, crypt_dump_json, crypt_get_uuid, crypt_log};

/// A handle of libcryptsetup, valid during one call of the plugin.
pub(crate) struct Device {
    handle: *mut CryptDevice,
}

/// The part of a volume that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotReadable {
    Metadata,
    /// The UUID in the header is malformed. The header is unauthenticated and may contain anything.
    Uuid,
}

impl Device {
    /// # Safety
    ///
    /// `handle` is null or the handle that libcryptsetup passed to the plugin, and the value does not outlive that call.
    pub(crate) unsafe fn new(handle: *mut CryptDevice) -> Self {
        Self { handle }
    }

    /// Returns the UUID in the header of the volume. It always has 32 hexadecimal digits in five groups.
    pub(crate) fn uuid(&self) -> Result<String, NotReadable> {
        // SAFETY: the handle is valid, by the contract of `new`.
        let uuid = unsafe { crypt_get_uuid(self.handle) };
        if uuid.is_null() {
            return Err(NotReadable::Uuid);
        }
        // SAFETY: libcryptsetup returns a string that ends in a null and lives as long as the handle.
        let uuid = unsafe { CStr::from_ptr(uuid) };
        let uuid = uuid.to_str().ok().filter(|uuid| is_uuid(uuid));
        Ok(uuid.ok_or(NotReadable::Uuid)?.to_owned())
    }

    /// Returns the metadata that libcryptsetup has read and opens the volume with, as JSON.
    pub(crate) fn metadata(&self) -> Result<String, NotReadable> {
        let mut json = ptr::null();
        // SAFETY: the handle is valid, by the contract of `new`, and the pointer to write to as well.
        let error = unsafe { crypt_dump_json(self.handle, &raw mut json, 0) };
        if error != 0 || json.is_null() {
            return Err(NotReadable::Metadata);
        }
        // SAFETY: libcryptsetup has returned a string that ends in a null and stays until the metadata changes.
        let json = unsafe { CStr::from_ptr(json) };
        Ok(json.to_str().map_err(|_| NotReadable::Metadata)?.to_owned())
    }

    /// Prints a line, including its line end, as requested output.
    pub(crate) fn print(&self, line: &str) {
        self.log(CRYPT_LOG_NORMAL, line);
    }

    /// Reports a line, including its line end, about a failure.
    pub(crate) fn report(&self, line: &str) {
        self.log(CRYPT_LOG_ERROR, line);
    }

    fn log(&self, level: c_int, line: &str) {
        let Ok(line) = CString::new(line) else { return };
        // SAFETY: the handle is valid, by the contract of `new`, or null, which crypt_log allows; the message ends in a null.
        unsafe { crypt_log(self.handle, level, line.as_ptr()) };
    }
}

/// Whether `text` is a UUID in the format of RFC 9562. Such a text needs no escaping in JSON.
fn is_uuid(text: &str) -> bool {
    let groups = text.split('-').map(str::len);
    groups.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_are_uuids() {
        assert!(is_uuid("2c6a8a4e-0a2b-4f6e-9d3c-1b5f7e9a0c11"));
        assert!(is_uuid("2C6A8A4E-0A2B-4F6E-9D3C-1B5F7E9A0C11"));
        for text in [
            "",
            "----",
            "2c6a8a4e",
            "2c6a8a4e-0a2b-4f6e-9d3c-1b5f7e9a0c1",
            "2c6a8a4e-0a2b-4f6e-9d3c-1b5f7e9a0c111",
            "2c6a8a4e-0a2b-4f6e-9d3c-1b5f7e9a0c1\"",
            "2c6a8a4e-0a2b-4f6e-9d3c-1b5f7e9a0c1g",
            "2c6a8a4e0a2b4f6e9d3c1b5f7e9a0c11----",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
