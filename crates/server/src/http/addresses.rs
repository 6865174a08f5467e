//! How many connections each address has, so that one of them cannot take the places of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// The addresses that have connections, at most as many as there are connections.
pub(super) struct Addresses {
    limit: u32,
    open: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection of an address; it counts until it is dropped.
pub(super) struct Share {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, open: Mutex::default() }
    }

    /// Counts a connection; none if its address has all that it may have.
    pub(super) fn take(addresses: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let mut open = addresses.open();
        let count = open.entry(address).or_default();
        if *count >= addresses.limit {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Share { addresses: Arc::clone(addresses), address })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.open.lock().expect("nothing panics while it holds the lock")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.addresses.open();
        match open.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_its_share_and_no_more() {
        let addresses = Arc::new(Addresses::new(2));
        let [one, other] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let first = Addresses::take(&addresses, one).unwrap();
        let second = Addresses::take(&addresses, one).unwrap();
        assert!(Addresses::take(&addresses, one).is_none());
        let theirs = Addresses::take(&addresses, other).unwrap();
        drop(first);
        let third = Addresses::take(&addresses, one).unwrap();
        assert!(Addresses::take(&addresses, one).is_none());
        drop((second, third, theirs));
        assert!(addresses.open().is_empty(), "nothing is remembered of those that are gone");
    }
}
