//! `bulla whoami`: the identity that calls the KMS, and the credentials that it uses.

use std::path::Path;

use bulla_client::{CredentialProvider, Endpoint, Sts};
use bulla_wire::sts::GetCallerIdentityReply;
use serde_json::{Value, json};

use crate::args::{KmsFlags, Whoami};
use crate::failure::Failure;
use crate::kms::{connection, credentials};
use crate::location::KmsLocation;
use crate::results::{print, print_json};

pub(crate) fn run(kms: &KmsFlags, args: &Whoami) -> Result<(), Failure> {
    match KmsLocation::of(kms)? {
        KmsLocation::Embedded(data) => embedded(&data, args.json),
        KmsLocation::Remote(endpoint) => remote(endpoint, kms, args.json),
    }
}

/// Prints the owner of the embedded KMS, its only caller, to whom no policies apply.
fn embedded(data: &Path, as_json: bool) -> Result<(), Failure> {
    let data = data.display().to_string();
    if as_json {
        return print_json(&json!({ "IdentityType": "Owner", "Kms": "embedded", "Data": data }));
    }
    print("the owner of the embedded KMS, without credentials")?;
    print(format_args!("data        {data}"))
}

fn remote(endpoint: Endpoint, flags: &KmsFlags, as_json: bool) -> Result<(), Failure> {
    let credentials = credentials(endpoint, connection(flags), flags)?;
    let sts = credentials.sts().expect("credentials that were searched for have an STS");
    let identity = sts.identity(&credentials).map_err(|error| Failure::from(&*error))?;
    let access_key = credentials.access_key_id().map_err(|error| Failure::from(&*error))?;
    if as_json {
        print_json(&as_value(&identity, &access_key, &credentials, sts))
    } else {
        print_lines(&identity, &access_key, &credentials, sts)
    }
}

fn print_lines(
    identity: &GetCallerIdentityReply,
    access_key: &str,
    credentials: &CredentialProvider,
    sts: &Sts,
) -> Result<(), Failure> {
    print(&identity.arn)?;
    print(format_args!("type        {}", type_name(identity)))?;
    print(format_args!("account     {}", identity.account_id))?;
    print(format_args!("principal   {}", identity.principal_id))?;
    print(format_args!("access key  {access_key}"))?;
    print(format_args!("source      {}", credentials.place()))?;
    print(format_args!("answered by {}", sts.endpoint()))
}

/// Returns the reply of the API, with what only the client knows.
fn as_value(
    identity: &GetCallerIdentityReply,
    access_key: &str,
    credentials: &CredentialProvider,
    sts: &Sts,
) -> Value {
    let mut value = serde_json::to_value(identity).expect("a reply is JSON");
    value["AccessKeyId"] = access_key.into();
    value["CredentialSource"] = credentials.place().into();
    value["Sts"] = sts.endpoint().to_string().into();
    value
}

/// Returns the type as the API spells it.
fn type_name(identity: &GetCallerIdentityReply) -> String {
    let value = serde_json::to_value(identity.identity_type).expect("a name is JSON");
    value.as_str().unwrap_or_default().to_owned()
}
