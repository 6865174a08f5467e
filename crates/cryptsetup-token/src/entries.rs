//! The five functions that libcryptsetup looks up: the interface `CRYPTSETUP_TOKEN_1.0` of libcryptsetup.h.
//!
//! There is no `cryptsetup_token_open_pin`: a token has no PIN. While libcryptsetup tries the PIN of another token, it skips
//! tokens without that function, instead of calling the KMS again.
//!
//! No panic leaves a function. The error number decides what libcryptsetup does next: after `-ENOENT`, `-EPERM` and `-EAGAIN` it
//! tries the next token, and the host program prompts for a passphrase; any other number ends the attempt with all tokens
//! (`break_loop_retval` in its lib/luks2/luks2_token.c). `-EAGAIN` means "the token requires additional missing resource";
//! `-ENOENT` means "no usable token".

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

/// Gets the passphrase of the volume `cd` from the KMS, with the token number `token`. Returns 0 on success; then `buffer` has
/// the passphrase and `buffer_len` its length, until [`cryptsetup_token_buffer_free`].
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
/// `buffer` is null or a value that [`cryptsetup_token_open`] returned, and is passed only once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_buffer_free(buffer: *mut c_void, _buffer_len: usize) {
    if let Some(start) = NonNull::new(buffer.cast()) {
        // SAFETY: `buffer` comes from `into_raw` in `cryptsetup_token_open`, and libcryptsetup no longer uses it.
        drop(unsafe { SecretPage::from_raw(start) });
    }
}

/// Checks the form of a token, also before it is imported. Returns 0 for a valid token of bulla.
///
/// # Safety
///
/// `cd` is a handle of libcryptsetup, and `json` a string that ends in a null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_validate(cd: *mut CryptDevice, json: *const c_char) -> c_int {
    // SAFETY: both are valid, by the contract of this function.
    let (device, json) = unsafe { (Device::new(cd), text(json)) };
    guarded(|| validate(&device, json)).unwrap_or(-EINVAL)
}

/// Prints the content of a token for `cryptsetup luksDump`.
///
/// # Safety
///
/// `cd` is a handle of libcryptsetup, and `json` a string that ends in a null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_dump(cd: *mut CryptDevice, json: *const c_char) {
    // SAFETY: both are valid, by the contract of this function.
    let (device, json) = unsafe { (Device::new(cd), text(json)) };
    guarded(|| {
        for line in token::describe(json.unwrap_or_default()) {
            device.print(&line);
        }
    });
}

/// Runs `work`. Catches a panic, which Rust's panic hook has reported.
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
        Err(Malformed::Type) => "it has another type".to_owned(),
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
    helper.run(request.as_bytes(), &mut |line| device.report(line)).map_err(|failure| {
        refuse(&format!("{}: {failure}", helper.program.to_string_lossy()));
        match failure {
            Failure::Start(_) => -ENOENT,
            Failure::Interrupted => -EINTR, // ends the attempt: no other token is tried
            _ => -EAGAIN,
        }
    })
}

/// Returns the request as a JSON object. The UUID was checked and the metadata is JSON, so neither needs escaping.
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

/// The program that the plugin runs. It is fixed at build time, so neither a user nor the header of a volume can change it.
const PROGRAM: &str = match option_env!("BULLA_PROGRAM") {
    Some(path) => path,
    None => "/usr/bin/bulla",
};
const _: () =
    assert!(!PROGRAM.is_empty() && PROGRAM.as_bytes()[0] == b'/', "BULLA_PROGRAM is no absolute path");

/// The time limit of the program with all its retries. A boot waits this long for the network before it prompts for a passphrase.
const TIME_LIMIT: Duration = match option_env!("BULLA_TIME_LIMIT_SECONDS") {
    Some(seconds) => match u64::from_str_radix(seconds, 10) {
        Ok(seconds @ 1..=600) => Duration::from_secs(seconds),
        _ => panic!("BULLA_TIME_LIMIT_SECONDS is no number from 1 to 600"),
    },
    None => Duration::from_secs(60),
};

#[cfg(test)]
mod tests;
