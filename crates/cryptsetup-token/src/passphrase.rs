//! Memory for a passphrase: locked, excluded from core dumps and from children of the host program, and wiped before it is freed.

use std::ffi::c_void;
use std::io;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::atomic::{Ordering, compiler_fence};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap_anonymous, munmap};

/// A page of zeroes that is not shared with other processes. It is wiped and unmapped on drop.
pub(crate) struct SecretPage {
    start: NonNull<u8>,
}

impl SecretPage {
    /// The number of bytes that are used of the page, which may be larger.
    pub(crate) const SIZE: usize = 4096;

    /// Maps a page. Ignores protections that the system refuses: an unprivileged user may not be allowed to lock memory.
    pub(crate) fn new() -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a private mapping at an address that the system chooses touches no other memory.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), Self::SIZE, protection, MapFlags::PRIVATE) }?;
        let page = Self { start: NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)? };
        // SAFETY: the mapping was just made and is of this size; neither call changes what it holds.
        let _ = unsafe { mlock(start, Self::SIZE) };
        for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
            // SAFETY: as above; a forked child sees zeroes, and this process keeps its bytes.
            let _ = unsafe { madvise(start, Self::SIZE, advice) };
        }
        Ok(page)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable, initialized with zeroes, and lives as long as `self`, which is borrowed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), Self::SIZE) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the mapping is writable, and `self`, its only owner, is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), Self::SIZE) }
    }

    /// Passes the page to C, until `from_raw`.
    pub(crate) fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).start
    }

    /// Takes back a page.
    ///
    /// # Safety
    ///
    /// `start` is a value that `into_raw` returned, and is not used after this call.
    pub(crate) unsafe fn from_raw(start: NonNull<u8>) -> Self {
        Self { start }
    }
}

impl Drop for SecretPage {
    fn drop(&mut self) {
        wipe(self.bytes_mut());
        // SAFETY: the mapping is ours, of this size, and no reference to it outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), Self::SIZE) };
    }
}

/// Overwrites `bytes` with zeroes. The compiler cannot optimize this away.
pub(crate) fn wipe(bytes: &mut [u8]) {
    for byte in bytes {
        // SAFETY: `byte` is a reference, so it is valid for writes and aligned.
        unsafe { ptr::write_volatile(byte, 0) };
    }
    compiler_fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the flags that the kernel shows in /proc/PID/smaps for the mapping at `address`.
    fn flags_of(address: usize) -> String {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let from = maps.find(&format!("{address:x}-")).unwrap();
        let flags = maps[from..].lines().find(|line| line.starts_with("VmFlags:")).unwrap();
        flags.to_owned()
    }

    #[test]
    fn a_page_is_in_no_core_dump_and_in_no_child() {
        let page = SecretPage::new().unwrap();
        let flags = flags_of(page.start.as_ptr() as usize);
        assert!(flags.contains(" dd") && flags.contains(" wf"), "{flags}");
    }

    #[test]
    fn a_page_is_locked_where_the_limit_allows_it() {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock);
        if limit.current.is_none_or(|bytes| bytes >= 1 << 20) {
            let page = SecretPage::new().unwrap();
            let flags = flags_of(page.start.as_ptr() as usize);
            assert!(flags.contains(" lo"), "{flags}");
        }
    }

    #[test]
    fn a_page_survives_its_way_through_c() {
        let mut page = SecretPage::new().unwrap();
        page.bytes_mut()[..6].copy_from_slice(b"secret");
        let start = page.into_raw();
        // SAFETY: `start` comes from `into_raw`, and is not used again.
        let page = unsafe { SecretPage::from_raw(start) };
        assert_eq!(&page.bytes()[..7], b"secret\0");
    }

    #[test]
    fn wiped_bytes_are_zeroes() {
        let mut bytes = *b"secret";
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 6]);
    }
}
