//! The account that owns users, roles and policies: RAM and STS beside the KMS.
//!
//! A server of bulla answers all three APIs at one address; the cloud has a host for each.

use bulla_client::{CallError, Client, ClientOptions, Endpoint};
use bulla_wire::{Action, Parameters, Product, SecretText};

use crate::args::KmsFlags;
use crate::failure::{Exit, Failure};
use crate::kms::{connection, credentials};
use crate::location::{KmsLocation, environment};

/// The services of one account.
pub(crate) struct Account {
    kms: Client,
    /// The client for RAM; `None` if the server of the KMS answers RAM too.
    ram: Option<Client>,
    sts: Option<Client>,
}

impl Account {
    /// Connects to the account of the KMS that `--kms` names.
    ///
    /// # Errors
    /// The KMS is the embedded one, which has no users or policies.
    pub(crate) fn connect(flags: &KmsFlags) -> Result<Self, Failure> {
        let endpoint = match KmsLocation::of(flags)? {
            KmsLocation::Remote(endpoint) => endpoint,
            KmsLocation::Embedded(_) => return Err(no_people()),
        };
        let credentials = credentials(endpoint.clone(), connection(flags), flags)?;
        let ram = ram_of_cloud(&endpoint)
            .map(|endpoint| Client::new(endpoint, credentials.clone(), connection_to_cloud()));
        let sts = credentials.sts().expect("credentials that were searched for have an STS");
        let sts = (*sts.endpoint() != endpoint)
            .then(|| Client::new(sts.endpoint().clone(), credentials.clone(), sts.options().clone()));
        Ok(Self {
            kms: Client::new(endpoint, credentials.clone(), connection(flags))?,
            ram: ram.transpose()?,
            sts: sts.transpose()?,
        })
    }

    pub(crate) fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        self.client(A::PRODUCT).call(request)
    }

    pub(crate) fn call_raw(
        &self,
        product: Product,
        action: &str,
        parameters: &Parameters,
    ) -> Result<SecretText, CallError> {
        self.client(product).call_raw(product.version(), action, parameters)
    }

    /// Returns the address of the KMS.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.kms.endpoint()
    }

    fn client(&self, product: Product) -> &Client {
        let client = match product {
            Product::Kms => None,
            Product::Ram => self.ram.as_ref(),
            Product::Sts => self.sts.as_ref(),
        };
        client.unwrap_or(&self.kms)
    }
}

/// Returns the RAM endpoint of the cloud; `None` if the KMS is not the cloud's.
fn ram_of_cloud(kms: &Endpoint) -> Option<Endpoint> {
    let host = Product::Ram.host(kms.region().unwrap_or_default());
    let endpoint =
        || Endpoint::parse(&format!("https://{host}")).expect("the host of a product is well-formed");
    kms.is_cloud().then(endpoint)
}

/// Returns the options for connections to the cloud: the certificates that the user named are for the user's own
/// servers, so they do not apply.
fn connection_to_cloud() -> ClientOptions {
    ClientOptions::from_environment(|name| environment(name).filter(|_| name != "ALIBABA_CLOUD_CA_BUNDLE"))
}

fn no_people() -> Failure {
    let what = "the embedded KMS has no users, roles or policies: it belongs to the user who runs bulla";
    Failure::new(Exit::Usage, what, "start a server with `bulla serve`, and name it with --kms or BULLA_KMS")
}
