//! A libcryptsetup for the tests, which are linked without the real one: a volume that stores the logged messages.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

/// A volume. `None` makes the function return a null pointer, as libcryptsetup does on failure.
#[derive(Default)]
pub struct CryptDevice {
    pub(crate) uuid: Option<CString>,
    pub(crate) metadata: Option<CString>,
    /// Level and message.
    pub(crate) log: Vec<(c_int, String)>,
}

pub(crate) const CRYPT_LOG_NORMAL: c_int = 0;
pub(crate) const CRYPT_LOG_ERROR: c_int = 1;

pub(crate) unsafe extern "C" fn crypt_log(cd: *mut CryptDevice, level: c_int, message: *const c_char) {
    // SAFETY: the tests pass a volume, and the plugin a string that ends in a null.
    let message = unsafe { CStr::from_ptr(message) };
    // SAFETY: as above; nothing else refers to the volume during the call.
    let log = unsafe { &mut (*cd).log };
    log.push((level, message.to_str().expect("messages are text").to_owned()));
}

pub(crate) unsafe extern "C" fn crypt_get_uuid(cd: *mut CryptDevice) -> *const c_char {
    // SAFETY: the tests pass a volume.
    unsafe { &*cd }.uuid.as_deref().map_or(ptr::null(), CStr::as_ptr)
}

pub(crate) unsafe extern "C" fn crypt_dump_json(
    cd: *mut CryptDevice,
    json: *mut *const c_char,
    flags: u32,
) -> c_int {
    // SAFETY: the tests pass a volume.
    let metadata = unsafe { &*cd }.metadata.as_deref();
    match metadata {
        Some(metadata) if flags == 0 => {
            // SAFETY: the plugin passes a pointer that is valid for writes.
            unsafe { *json = metadata.as_ptr() };
            0
        }
        _ => -libc::EINVAL,
    }
}
