//! What the requests of the cases name: resources in all states, and names without a record.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_keys::{KeyId, KeyVersionId, SystemRandom};

use super::Bench;

/// Names for one case of each action, each with the resource that is checked.
pub(super) struct Subject {
    pub(super) label: &'static str,
    /// A key by id, alias or ARN.
    pub(super) name: String,
    pub(super) name_resource: String,
    /// A key by its id.
    pub(super) id: String,
    pub(super) id_resource: String,
    /// A key by its ARN.
    pub(super) arn: String,
    pub(super) arn_resource: String,
    /// Another key.
    pub(super) other_id: String,
    pub(super) other_name: String,
    pub(super) other_resource: String,
    pub(super) version: String,
    pub(super) blob: String,
    pub(super) blob_resource: String,
    pub(super) alias: String,
    /// The key of the alias, if there is one.
    pub(super) alias_key: Option<String>,
    /// A secret by name or ARN.
    pub(super) secret: String,
    pub(super) secret_resource: String,
    /// The key of the secret, if it is checked.
    pub(super) secret_key: Option<String>,
    /// A secret by its name.
    pub(super) secret_name: String,
    pub(super) secret_name_resource: String,
    pub(super) other_secret: String,
    pub(super) other_secret_resource: String,
}

struct Key {
    id: String,
    version: String,
    blob: String,
}

pub(super) const ARN: &str = "acs:kms:cn-hangzhou:111122223333:";
const FOREIGN_KEY: &str = "acs:kms:cn-beijing:111122223333:key/00000000-0000-4000-8000-000000000000";
const FOREIGN_SECRET: &str = "acs:kms:cn-hangzhou:999:secret/s";

/// A public key under which data keys can be exported.
pub(super) fn public_key(bench: &Bench) -> String {
    let key = key(bench, &[("KeySpec", "EC_SM2"), ("KeyUsage", "ENCRYPT/DECRYPT")]);
    let parameters = [("KeyId", &*key.id), ("KeyVersionId", &*key.version)];
    let pem = bench.field("GetPublicKey", &parameters, "/PublicKey");
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

/// Creates one of each, with their own resources, because a case may change them.
pub(super) const SUBJECTS: [fn(&Bench) -> Subject; 19] = [
    |bench| existing(bench, "an enabled key", &[]),
    |bench| existing(bench, "a key pair", &[("KeySpec", "EC_SM2"), ("KeyUsage", "ENCRYPT/DECRYPT")]),
    |bench| existing(bench, "a key for MACs", &[("KeySpec", "HMAC_SHA256")]),
    |bench| existing(bench, "a key without its material", &[("Origin", "EXTERNAL")]),
    |bench| after(bench, "a disabled key", "DisableKey"),
    |bench| after(bench, "a key to be deleted", "ScheduleKeyDeletion"),
    |bench| by_alias(existing(bench, "", &[])),
    |bench| by_arn(existing(bench, "", &[])),
    |bench| by_arn_of_alias(existing(bench, "", &[])),
    |bench| missing(existing(bench, "", &[])),
    |bench| no_id(existing(bench, "", &[])),
    |bench| foreign(existing(bench, "", &[])),
    |bench| no_alias(existing(bench, "", &[])),
    |bench| damaged_blob(existing(bench, "", &[])),
    |bench| blob_of_unknown_version(existing(bench, "", &[])),
    |bench| no_blob(existing(bench, "", &[])),
    secret_of_service,
    secret_to_be_deleted,
    secret_with_unusable_key,
];

fn key(bench: &Bench, parameters: &[(&str, &str)]) -> Key {
    let id = bench.field("CreateKey", parameters, "/KeyMetadata/KeyId");
    let version = match bench.call("CreateKeyVersion", &[("KeyId", &id)]) {
        Ok(reply) => serde_json::to_value(reply).unwrap()["KeyVersion"]["KeyVersionId"].to_string(),
        Err(_) => bench
            .call("ListKeyVersions", &[("KeyId", &id)])
            .ok()
            .map(|reply| serde_json::to_value(reply).unwrap())
            .map(|list| list["KeyVersions"]["KeyVersion"][0]["KeyVersionId"].to_string())
            .unwrap_or_default(),
    };
    let sealed = bench.call("Encrypt", &[("KeyId", &id), ("Plaintext", "eA==")]);
    let blob = sealed.map(|reply| serde_json::to_value(reply).unwrap()["CiphertextBlob"].to_string());
    let unquoted = |text: String| text.trim_matches('"').to_owned();
    Key { id, version: unquoted(version), blob: unquoted(blob.unwrap_or_default()) }
}

pub(super) fn existing(bench: &Bench, label: &'static str, parameters: &[(&str, &str)]) -> Subject {
    let one = key(bench, parameters);
    let other = key(bench, &[]);
    let [alias, secret, other_secret] = ["alias/a", "s", "t"].map(|name| format!("{name}-{}", one.id));
    bench.call("CreateAlias", &[("AliasName", &alias), ("KeyId", &one.id)]).unwrap();
    for (name, key) in [(&secret, &other.id), (&other_secret, &other.id), (&"taken".to_owned(), &other.id)] {
        let parameters =
            [("SecretName", &**name), ("VersionId", "1"), ("SecretData", "x"), ("EncryptionKeyId", &**key)];
        assert!(bench.call("CreateSecret", &parameters).is_ok() || name == "taken");
    }
    let resource = |id: &str| format!("key/{id}");
    let blob_resource = resource(if one.blob.is_empty() { &other.id } else { &one.id });
    let blob = if one.blob.is_empty() { other.blob } else { one.blob };
    Subject {
        label,
        name: one.id.clone(),
        name_resource: resource(&one.id),
        id: one.id.clone(),
        id_resource: resource(&one.id),
        arn: format!("{ARN}key/{}", one.id),
        arn_resource: resource(&one.id),
        other_name: other.id.clone(),
        other_resource: resource(&other.id),
        version: one.version,
        blob,
        blob_resource,
        alias,
        alias_key: Some(resource(&one.id)),
        secret_resource: format!("secret/{secret}"),
        secret_name_resource: format!("secret/{secret}"),
        secret_name: secret.clone(),
        secret,
        secret_key: Some(resource(&other.id)),
        other_secret_resource: format!("secret/{other_secret}"),
        other_secret,
        other_id: other.id,
    }
}

pub(super) fn after(bench: &Bench, label: &'static str, action: &str) -> Subject {
    let subject = existing(bench, label, &[]);
    bench.call(action, &[("KeyId", &subject.id)]).unwrap();
    subject
}

pub(super) fn by_alias(key: Subject) -> Subject {
    Subject { label: "a key by its alias", name: key.alias.clone(), ..key }
}

pub(super) fn by_arn(key: Subject) -> Subject {
    let secret = format!("{ARN}secret/{}", key.secret);
    Subject { label: "a key and a secret by ARN", name: format!("{ARN}key/{}", key.id), secret, ..key }
}

fn by_arn_of_alias(key: Subject) -> Subject {
    Subject { label: "a key by the ARN of its alias", name: format!("{ARN}{}", key.alias), ..key }
}

pub(super) fn missing(key: Subject) -> Subject {
    let id = KeyId::random(&SystemRandom).to_string();
    let resource = format!("key/{id}");
    Subject {
        label: "what does not exist",
        name: id.clone(),
        name_resource: resource.clone(),
        arn: format!("{ARN}key/{id}"),
        arn_resource: resource.clone(),
        id,
        id_resource: resource,
        alias: "alias/missing".into(),
        alias_key: None,
        secret: "missing".into(),
        secret_resource: "secret/missing".into(),
        secret_key: None,
        secret_name: "missing".into(),
        secret_name_resource: "secret/missing".into(),
        ..key
    }
}

fn no_id(key: Subject) -> Subject {
    Subject {
        label: "texts that are no names",
        name: "no id".into(),
        name_resource: "key/no id".into(),
        id: "no id".into(),
        id_resource: "key/no id".into(),
        arn: format!("{ARN}key/no id"),
        arn_resource: "key/no id".into(),
        secret: "no name?".into(),
        secret_resource: "secret/no name?".into(),
        secret_key: None,
        secret_name: "no name?".into(),
        secret_name_resource: "secret/no name?".into(),
        ..key
    }
}

fn foreign(key: Subject) -> Subject {
    Subject {
        label: "ARNs of elsewhere",
        name: FOREIGN_KEY.into(),
        name_resource: FOREIGN_KEY.into(),
        id: FOREIGN_KEY.into(),
        id_resource: FOREIGN_KEY.into(),
        arn: FOREIGN_KEY.into(),
        arn_resource: FOREIGN_KEY.into(),
        secret: FOREIGN_SECRET.into(),
        secret_resource: FOREIGN_SECRET.into(),
        secret_key: None,
        secret_name: FOREIGN_SECRET.into(),
        secret_name_resource: FOREIGN_SECRET.into(),
        ..key
    }
}

pub(super) fn no_alias(key: Subject) -> Subject {
    let name = "alias/nowhere".to_owned();
    let name_resource = "alias/nowhere".to_owned();
    Subject { label: "an alias that leads nowhere", name, name_resource, ..key }
}

pub(super) fn damaged_blob(key: Subject) -> Subject {
    let mut blob = BASE64_STANDARD.decode(&key.blob).unwrap();
    *blob.last_mut().unwrap() ^= 1;
    Subject { label: "a damaged blob", blob: BASE64_STANDARD.encode(blob), ..key }
}

pub(super) fn blob_of_unknown_version(key: Subject) -> Subject {
    let mut blob = BASE64_STANDARD.decode(&key.blob).unwrap();
    blob[..36].copy_from_slice(KeyVersionId::random(&SystemRandom).to_string().as_bytes());
    let label = "a blob of an unknown version";
    let blob = BASE64_STANDARD.encode(blob);
    Subject { label, blob, blob_resource: "key/*".into(), ..key }
}

fn no_blob(key: Subject) -> Subject {
    let blob = "no blob".into();
    let blob_resource = "key/*".into();
    Subject { label: "a blob that is none", blob, blob_resource, ..key }
}

fn secret_of_service(bench: &Bench) -> Subject {
    let key = existing(bench, "a secret with the key of the service", &[]);
    let secret = format!("service-{}", key.id);
    let create = [("SecretName", &*secret), ("VersionId", "1"), ("SecretData", "x")];
    bench.call("CreateSecret", &create).unwrap();
    Subject { secret_resource: format!("secret/{secret}"), secret, secret_key: None, ..key }
}

fn secret_to_be_deleted(bench: &Bench) -> Subject {
    let subject = existing(bench, "a secret to be deleted", &[]);
    bench.call("DeleteSecret", &[("SecretName", &subject.secret)]).unwrap();
    subject
}

fn secret_with_unusable_key(bench: &Bench) -> Subject {
    let subject = existing(bench, "a secret with a key to be deleted", &[]);
    bench.call("ScheduleKeyDeletion", &[("KeyId", &subject.other_id)]).unwrap();
    subject
}
