//! The five functions that libcryptsetup looks up: interface `CRYPTSETUP_TOKEN_1.0` of libcryptsetup.h.
//!
//! There is no `cryptsetup_token_open_pin`: a token has no PIN, and while libcryptsetup tries the PIN of another token, ones
//! without that function are passed over instead of asking the KMS again.
//!
//! No panic leaves a function. What libcryptsetup makes of a failure depends on its number: after `-ENOENT`, `-EPERM` and
//! `-EAGAIN` it tries the next token, and the host program asks for a passphrase; any other number ends the attempt with all
//! tokens (`break_loop_retval` in its lib/luks2/luks2_token.c). `-EAGAIN` is "the token requires additional missing
//! resource"; `-ENOENT` is "no usable token".

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::time::Duration;

use libc::{EAGAIN, EINTR, EINVAL, ENOENT};

use crate::device::{CryptDevice, Device, NotReadable};
use crate::passphrase::SecretPage;
use crate::token::{self, Malformed};
use crate::unlock::{Failure, Helper};

/// Returns the version of the plugin, which libcryptsetup writes into its debug log.
#[unsafe(no_mangle)]
pub extern "C" fn cryptsetup_token_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Asks the KMS for the passphrase of the volume `cd`, as its token `token` says. On success, 0, the passphrase is in
/// `buffer`, with its length in `buffer_len`, until [`cryptsetup_token_buffer_free`].
///
/// # Safety
///
/// `cd` is a handle of libcryptsetup; `buffer` and `buffer_len` are valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_open(
    cd: *mut CryptDevice,
    token: c_int,
    buffer: *mut *mut c_char,
    buffer_len: *mut usize,
    _usrptr: *mut c_void,
) -> c_int {
    // SAFETY: `cd` is a handle of libcryptsetup, by the contract of this function.
    let device = unsafe { Device::new(cd) };
    let answer = guarded(|| {
        let program = CString::new(PROGRAM).map_err(|_| -ENOENT)?;
        let arguments = &[c"disk", c"unlock"];
        open(&device, token, &Helper { program: &program, arguments, time_limit: TIME_LIMIT })
    });
    match answer.unwrap_or(Err(-ENOENT)) {
        Ok((page, length)) => {
            // SAFETY: both are valid for writes, by the contract of this function.
            unsafe {
                *buffer = page.into_raw().as_ptr().cast();
                *buffer_len = length;
            }
            0
        }
        Err(error) => error,
    }
}

/// Wipes and frees a passphrase.
///
/// # Safety
///
/// `buffer` is null or what [`cryptsetup_token_open`] returned, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_buffer_free(buffer: *mut c_void, _buffer_len: usize) {
    if let Some(start) = NonNull::new(buffer.cast()) {
        // SAFETY: `buffer` comes from `into_raw` in `cryptsetup_token_open`, and libcryptsetup does not use it any more.
        drop(unsafe { SecretPage::from_raw(start) });
    }
}

/// Checks the form of a token, also when one is imported: 0 if it is one of bulla.
///
/// # Safety
///
/// `cd` is a handle of libcryptsetup, and `json` a string that ends in a null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_validate(cd: *mut CryptDevice, json: *const c_char) -> c_int {
    // SAFETY: both are what this function asks for.
    let (device, json) = unsafe { (Device::new(cd), text(json)) };
    guarded(|| validate(&device, json)).unwrap_or(-EINVAL)
}

/// Prints what a token says, for `cryptsetup luksDump`.
///
/// # Safety
///
/// `cd` is a handle of libcryptsetup, and `json` a string that ends in a null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_dump(cd: *mut CryptDevice, json: *const c_char) {
    // SAFETY: both are what this function asks for.
    let (device, json) = unsafe { (Device::new(cd), text(json)) };
    guarded(|| {
        for line in token::describe(json.unwrap_or_default()) {
            device.print(&line);
        }
    });
}

/// Runs `work`; a panic is reported by Rust's panic hook, and ends here.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// # Safety
///
/// `json` is null or a string that ends in a null and lives for `'a`.
unsafe fn text<'a>(json: *const c_char) -> Option<&'a str> {
    let json = NonNull::new(json.cast_mut())?;
    // SAFETY: by the contract of this function.
    unsafe { CStr::from_ptr(json.as_ptr()) }.to_str().ok()
}

fn validate(device: &Device, json: Option<&str>) -> c_int {
    let problem = match json.map_or(Err(Malformed::NotAnObject), token::check) {
        Ok(()) => return 0,
        Err(Malformed::NotAnObject) => "it is no JSON object of at most 16 KiB".to_owned(),
        Err(Malformed::Type) => "it is of another type".to_owned(),
        Err(Malformed::Version) => {
            "a later version of bulla wrote it; update bulla on this machine".to_owned()
        }
        Err(Malformed::Member(name)) => format!("its member \"{name}\" is missing or malformed"),
    };
    device.report(&format!("bulla: a token is not used: {problem}\n"));
    -EINVAL
}

fn open(device: &Device, token: c_int, helper: &Helper<'_>) -> Result<(SecretPage, usize), c_int> {
    let refuse = |problem: &dyn std::fmt::Display| {
        device.report(&format!("bulla: token {token} is not used: {problem}\n"))
    };
    let request = request(device, token).map_err(|problem| {
        refuse(&problem);
        -ENOENT
    })?;
    helper.ask(request.as_bytes(), &mut |line| device.report(line)).map_err(|failure| {
        refuse(&format!("{}: {failure}", helper.program.to_string_lossy()));
        match failure {
            Failure::Start(_) => -ENOENT,
            Failure::Interrupted => -EINTR, // no other token is tried
            _ => -EAGAIN,
        }
    })
}

/// Returns the request as one JSON object. The UUID is checked and the metadata is JSON, so neither needs quoting.
fn request(device: &Device, token: c_int) -> Result<String, NotReadable> {
    let uuid = device.uuid()?;
    let metadata = device.metadata()?;
    Ok(format!(r#"{{"version":1,"uuid":"{uuid}","token":{token},"metadata":{metadata}}}"#))
}

impl std::fmt::Display for NotReadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Metadata => "libcryptsetup does not give the metadata of the volume",
            Self::Uuid => "the volume has no valid UUID",
        })
    }
}

/// What the plugin runs. Both are fixed when it is built: nothing that a user or the header of a volume says changes them.
const PROGRAM: &str = match option_env!("BULLA_PROGRAM") {
    Some(path) => path,
    None => "/usr/bin/bulla",
};
const _: () =
    assert!(!PROGRAM.is_empty() && PROGRAM.as_bytes()[0] == b'/', "BULLA_PROGRAM is no absolute path");

/// How long the program may take, with all its retries. A boot waits for the network in this time, and for a passphrase after it.
const TIME_LIMIT: Duration = match option_env!("BULLA_TIME_LIMIT_SECONDS") {
    Some(seconds) => match u64::from_str_radix(seconds, 10) {
        Ok(seconds @ 1..=600) => Duration::from_secs(seconds),
        _ => panic!("BULLA_TIME_LIMIT_SECONDS is no number from 1 to 600"),
    },
    None => Duration::from_secs(60),
};

#[cfg(test)]
mod tests;
