//! The functions of libcryptsetup that the plugin calls, as libcryptsetup.h (2.4 and newer) declares them.

use std::ffi::{c_char, c_int};
use std::marker::{PhantomData, PhantomPinned};

/// The handle of a volume, which is opaque to the plugin.
#[repr(C)]
pub struct CryptDevice {
    opaque: [u8; 0],
    marker: PhantomData<(*mut u8, PhantomPinned)>,
}

pub(crate) const CRYPT_LOG_NORMAL: c_int = 0;
pub(crate) const CRYPT_LOG_ERROR: c_int = 1;

unsafe extern "C" {
    /// Passes a message to the log callback of the host program. The message is not a format string.
    pub(crate) fn crypt_log(cd: *mut CryptDevice, level: c_int, message: *const c_char);

    /// Returns the UUID of the volume, or null. `cd` owns the string.
    pub(crate) fn crypt_get_uuid(cd: *mut CryptDevice) -> *const c_char;

    /// Sets `json` to the metadata of a LUKS2 volume, as it is in memory. `cd` owns the string.
    pub(crate) fn crypt_dump_json(cd: *mut CryptDevice, json: *mut *const c_char, flags: u32) -> c_int;
}
