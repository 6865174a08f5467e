//! Where a request comes from: who sent it, from which address.

use std::net::IpAddr;

/// The facts about a request that are not in its parameters. Made only by authentication, or for the owner of
/// an embedded store.
#[derive(Clone, Debug)]
pub struct Origin {
    pub(crate) caller: Caller,
    pub(crate) connection: Connection,
}

/// What the network says about a request.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The address it came from; none for a call within the process.
    pub source: Option<IpAddr>,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The name of the request in answers and logs.
    pub request_id: String,
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The owner of the account, by this access key.
    Root {
        /// The access key's id.
        access_key_id: String,
    },
    /// Whoever can read the root key of an embedded store.
    Owner,
}

impl Origin {
    /// Who acts.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What the network says.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}
