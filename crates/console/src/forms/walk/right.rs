//! Valid fields for each form. A new form needs an entry here.

use std::time::{SystemTime, UNIX_EPOCH};

use bulla_wire::Product;

use crate::forms::Form;
use crate::forms::page::CONFIRMATION;
use crate::testing::{Browser, wrap};
use crate::totp;

/// A field with its value.
type Filled = (&'static str, String);

/// The fields of a form, with valid values.
pub(super) type Fields = Vec<Filled>;

/// Returns valid fields for a form, and creates the resources that they name.
pub(super) fn right(owner: &Browser, form: &Form) -> Fields {
    let things = Things { owner, name: format!("Walk-{}", owner.count()) };
    match form.product {
        Product::Kms => things.of_kms(form.action),
        _ => things.of_ram(form.action),
    }
}

/// Creates resources for forms, with a new name for each form.
struct Things<'a> {
    owner: &'a Browser,
    name: String,
}

const POLICY: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:List*","Resource":"*"}]}"#;
const PASSWORD: &str = "Correct-horse-7";

impl Things<'_> {
    fn of_kms(&self, action: &str) -> Fields {
        let name = &*self.name;
        let alias = format!("alias/{name}");
        let text = ("Plaintext", "a text".to_owned());
        match action {
            "CreateKey" => vec![
                ("KeySpec", "Aliyun_AES_256".into()),
                ("Origin", "Aliyun_KMS".into()),
                ("AliasName", alias),
            ],
            "EnableKey" | "DisableKey" | "CreateKeyVersion" => vec![self.key(&[])],
            "UpdateKeyDescription" => vec![self.key(&[]), ("Description", "described".into())],
            "UpdateRotationPolicy" => vec![
                self.key(&[]),
                ("EnableAutomaticRotation", "true".into()),
                ("RotationInterval", "30d".into()),
            ],
            "SetKeyPolicy" => {
                let key = self.key(&[]);
                let now = self.call(Product::Kms, "GetKeyPolicy", &[("KeyId", &key.1)]);
                vec![key, ("Policy", now["Policy"].as_str().unwrap().into())]
            }
            "SetDeletionProtection" => vec![self.key(&[]), ("EnableDeletionProtection", "true".into())],
            "ScheduleKeyDeletion" => confirmed(vec![self.key(&[]), ("PendingWindowInDays", "7".into())]),
            "CancelKeyDeletion" => {
                let key = self.key(&[]);
                let fields = [("KeyId", &*key.1), ("PendingWindowInDays", "7")];
                self.call(Product::Kms, "ScheduleKeyDeletion", &fields);
                vec![key]
            }
            "CreateAlias" => vec![self.key(&[]), ("AliasName", alias)],
            "UpdateAlias" => vec![self.alias(), self.key(&[])],
            "DeleteAlias" => confirmed(vec![self.alias()]),
            "GetParametersForImport" => vec![
                self.key(&[("Origin", "EXTERNAL")]),
                ("WrappingKeySpec", "RSA_2048".into()),
                ("WrappingAlgorithm", "RSAES_OAEP_SHA_256".into()),
            ],
            "ImportKeyMaterial" => self.import(),
            "DeleteKeyMaterial" => {
                let import = self.import();
                self.call(Product::Kms, "ImportKeyMaterial", &borrowed(&import));
                confirmed(vec![import[0].clone()])
            }
            "Encrypt" => vec![self.key(&[]), text],
            "Decrypt" => {
                let key = self.key(&[]);
                let fields = [("KeyId", &*key.1), ("Plaintext", "YQ==")];
                vec![self.found("Encrypt", &fields, "CiphertextBlob")]
            }
            "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
                vec![self.key(&[]), ("NumberOfBytes", "16".into())]
            }
            "AsymmetricSign" => {
                let [key, version] = self.pair("EC_P256", "SIGN/VERIFY");
                vec![key, version, ("Algorithm", "ECDSA_SHA_256".into()), ("Digest", "a text".into())]
            }
            "AsymmetricVerify" => {
                let [key, version] = self.pair("EC_P256", "SIGN/VERIFY");
                let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
                let algorithm = ("Algorithm", "ECDSA_SHA_256".to_owned());
                let parameters = [&key, &version, &algorithm].map(|(name, value)| (*name, &**value));
                let fields = [&parameters[..], &[("Digest", digest)]].concat();
                let signature = self.found("AsymmetricSign", &fields, "Value");
                vec![key, version, algorithm, ("Digest", "a text".into()), signature]
            }
            "AsymmetricEncrypt" => {
                let [key, version] = self.pair("RSA_2048", "ENCRYPT/DECRYPT");
                vec![key, version, ("Algorithm", "RSAES_OAEP_SHA_256".into()), text]
            }
            "AsymmetricDecrypt" => {
                let [key, version] = self.pair("RSA_2048", "ENCRYPT/DECRYPT");
                let algorithm = ("Algorithm", "RSAES_OAEP_SHA_256".to_owned());
                let parameters = [&key, &version, &algorithm].map(|(name, value)| (*name, &**value));
                let fields = [&parameters[..], &[("Plaintext", "YQ==")]].concat();
                let blob = self.found("AsymmetricEncrypt", &fields, "CiphertextBlob");
                vec![key, version, algorithm, blob]
            }
            "GenerateMac" => {
                let [key, _] = self.pair("HMAC_SHA256", "SIGN/VERIFY");
                vec![key, ("Algorithm", "HMAC_SHA_256".into()), ("Message", "a text".into())]
            }
            "VerifyMac" => {
                let [key, _] = self.pair("HMAC_SHA256", "SIGN/VERIFY");
                let fields = [("KeyId", &*key.1), ("Algorithm", "HMAC_SHA_256"), ("Message", "YQ==")];
                let mac = self.found("GenerateMac", &fields, "Mac");
                vec![key, ("Algorithm", "HMAC_SHA_256".into()), ("Message", "a".into()), mac]
            }
            "GetRandomPassword" => vec![("PasswordLength", "20".into())],
            "CreateSecret" => vec![
                ("SecretName", name.into()),
                ("VersionId", "v1".into()),
                ("SecretData", "a-secret-value".into()),
            ],
            "GetSecretValue" | "RestoreSecret" => {
                let secret = self.secret();
                if action == "RestoreSecret" {
                    self.call(Product::Kms, "DeleteSecret", &borrowed(&vec![secret.clone()]));
                }
                vec![secret]
            }
            "PutSecretValue" => {
                vec![self.secret(), ("VersionId", "v2".into()), ("SecretData", "another-value".into())]
            }
            "UpdateSecretVersionStage" => {
                vec![self.secret(), ("VersionStage", "Mine".into()), ("MoveToVersion", "v1".into())]
            }
            "UpdateSecret" => vec![self.secret(), ("Description", "described".into())],
            "SetSecretPolicy" => {
                let policy = self.owner.get("/console/do/kms/SetSecretPolicy");
                let policy = policy.form("/console/do/kms/SetSecretPolicy").get("Policy").unwrap().to_owned();
                vec![self.secret(), ("Policy", policy)]
            }
            "DeleteSecret" => confirmed(vec![self.secret()]),
            "TagResource" => {
                vec![self.key(&[]), ("Tags:name:0", "team".into()), ("Tags:value:0", "blue".into())]
            }
            "UntagResource" => {
                let secret = self.secret();
                let tags = r#"[{"TagKey":"team","TagValue":"blue"}]"#;
                self.call(Product::Kms, "TagResource", &[("SecretName", &secret.1), ("Tags", tags)]);
                vec![secret, ("TagKeys", "team".into())]
            }
            _ => panic!("say in forms/walk/right.rs what makes the form {action} right"),
        }
    }

    fn of_ram(&self, action: &str) -> Fields {
        let name = self.name.clone();
        let of = |name: &'static str| (name, self.name.clone());
        match action {
            "CreateUser" => vec![("UserName", name)],
            "UpdateUser" => vec![self.user(), ("NewUserName", format!("{name}-renamed"))],
            "DeleteUser" => confirmed(vec![self.user()]),
            "CreateLoginProfile" => vec![self.user(), ("Password", PASSWORD.into())],
            "UpdateLoginProfile" => vec![self.profile(), ("Password", "Battery-staple-8".into())],
            "DeleteLoginProfile" => confirmed(vec![self.profile()]),
            "CreateAccessKey" => vec![self.user()],
            "UpdateAccessKey" => {
                let [user, key] = self.access_key();
                vec![user, key, ("Status", "Inactive".into())]
            }
            "DeleteAccessKey" => {
                let [user, key] = self.access_key();
                let id = key.1.clone();
                vec![user, key, (CONFIRMATION, id)]
            }
            "CreateVirtualMFADevice" => vec![("VirtualMFADeviceName", name)],
            "DeleteVirtualMFADevice" => confirmed(vec![self.mfa_device().0]),
            "BindMFADevice" => self.binding(),
            "UnbindMFADevice" => {
                let binding = self.binding();
                self.call(Product::Ram, "BindMFADevice", &borrowed(&binding));
                confirmed(vec![binding[1].clone()])
            }
            "CreateGroup" => vec![("GroupName", name)],
            "UpdateGroup" => vec![self.group(), ("NewGroupName", format!("{name}-renamed"))],
            "DeleteGroup" => confirmed(vec![self.group()]),
            "AddUserToGroup" => vec![self.user(), self.group()],
            "RemoveUserFromGroup" => {
                let fields = vec![self.user(), self.group()];
                self.call(Product::Ram, "AddUserToGroup", &borrowed(&fields));
                fields
            }
            "SetAccountAlias" => vec![("AccountAlias", name.to_ascii_lowercase())],
            "ClearAccountAlias" => {
                let alias = name.to_ascii_lowercase();
                self.call(Product::Ram, "SetAccountAlias", &[("AccountAlias", &alias)]);
                Vec::new()
            }
            "CreatePolicy" => vec![of("PolicyName"), ("PolicyDocument", POLICY.into())],
            "CreatePolicyVersion" => vec![self.policy(), ("PolicyDocument", POLICY.into())],
            "SetDefaultPolicyVersion" | "DeletePolicyVersion" => {
                let policy = self.policy();
                let fields = [("PolicyName", &*policy.1), ("PolicyDocument", POLICY)];
                self.call(Product::Ram, "CreatePolicyVersion", &fields);
                vec![policy, ("VersionId", "v2".into())]
            }
            "UpdatePolicyDescription" => vec![self.policy(), ("NewDescription", "described".into())],
            "DeletePolicy" => confirmed(vec![self.policy()]),
            "AttachPolicyToUser" | "DetachPolicyFromUser" => self.attachment(action, self.user()),
            "AttachPolicyToGroup" | "DetachPolicyFromGroup" => self.attachment(action, self.group()),
            "AttachPolicyToRole" | "DetachPolicyFromRole" => self.attachment(action, self.role()),
            "CreateRole" => vec![("RoleName", name), ("AssumeRolePolicyDocument", self.trust())],
            "UpdateRole" => vec![self.role(), ("NewAssumeRolePolicyDocument", self.trust())],
            "DeleteRole" => confirmed(vec![self.role()]),
            "TagResources" | "UntagResources" => {
                self.policy();
                let of_policy = [("ResourceType", "policy".to_owned()), ("ResourceNames", name.clone())];
                if action == "TagResources" {
                    let tag = [("Tag:name:0", "team".to_owned()), ("Tag:value:0", "blue".to_owned())];
                    return [of_policy, tag].concat();
                }
                let names = format!("[\"{name}\"]");
                let tag = r#"[{"Key":"team","Value":"blue"}]"#;
                let fields = [("ResourceType", "policy"), ("ResourceNames", &*names), ("Tag", tag)];
                self.call(Product::Ram, "TagResources", &fields);
                [&of_policy[..], &[("TagKeys", "team".to_owned())]].concat()
            }
            _ => panic!("say in forms/walk/right.rs what makes the form {action} right"),
        }
    }

    fn call(&self, product: Product, action: &str, parameters: &[(&str, &str)]) -> serde_json::Value {
        let made = self.owner.call(product, action, parameters);
        made.unwrap_or_else(|error| panic!("{action}: {}", error.message()))
    }

    /// Returns a field whose value is the member of the same name in a reply.
    fn found(&self, action: &str, parameters: &[(&str, &str)], member: &'static str) -> Filled {
        let reply = self.call(Product::Kms, action, parameters);
        (member, reply[member].as_str().unwrap().to_owned())
    }

    fn key(&self, parameters: &[(&str, &str)]) -> Filled {
        ("KeyId", self.owner.make_key(parameters))
    }

    /// Creates an asymmetric or HMAC key. Returns it with its version.
    fn pair(&self, spec: &str, usage: &str) -> [Filled; 2] {
        let key = self.key(&[("KeySpec", spec), ("KeyUsage", usage)]);
        let listed = self.call(Product::Kms, "ListKeyVersions", &[("KeyId", &key.1)]);
        let version = listed["KeyVersions"]["KeyVersion"][0]["KeyVersionId"].as_str().unwrap().to_owned();
        [key, ("KeyVersionId", version)]
    }

    fn alias(&self) -> Filled {
        let alias = ("AliasName", format!("alias/{}", self.name));
        let key = self.key(&[]);
        self.call(Product::Kms, "CreateAlias", &[("KeyId", &key.1), ("AliasName", &alias.1)]);
        alias
    }

    /// Creates a key without material. Returns it with wrapped material and the import token.
    fn import(&self) -> Fields {
        let key = self.key(&[("Origin", "EXTERNAL")]);
        let wrapped_as = [("WrappingKeySpec", "RSA_2048"), ("WrappingAlgorithm", "RSAES_OAEP_SHA_256")];
        let fields = [&[("KeyId", &*key.1)], &wrapped_as[..]].concat();
        let reply = self.call(Product::Kms, "GetParametersForImport", &fields);
        let token = reply["ImportToken"].as_str().unwrap().to_owned();
        let material = wrap(reply["PublicKey"].as_str().unwrap());
        vec![key, ("ImportToken", token), ("EncryptedKeyMaterial", material)]
    }

    fn secret(&self) -> Filled {
        let fields = [("SecretName", &*self.name), ("VersionId", "v1"), ("SecretData", "a-secret-value")];
        self.call(Product::Kms, "CreateSecret", &fields);
        ("SecretName", self.name.clone())
    }

    /// Creates a RAM resource whose identifying parameter is this name.
    fn named(&self, action: &str, parameter: &'static str, more: &[(&str, &str)]) -> Filled {
        self.call(Product::Ram, action, &[&[(parameter, &*self.name)], more].concat());
        (parameter, self.name.clone())
    }

    fn user(&self) -> Filled {
        self.named("CreateUser", "UserName", &[])
    }

    /// Creates a user with a password.
    fn profile(&self) -> Filled {
        self.user();
        self.named("CreateLoginProfile", "UserName", &[("Password", PASSWORD)])
    }

    fn access_key(&self) -> [Filled; 2] {
        let user = self.user();
        let made = self.call(Product::Ram, "CreateAccessKey", &[("UserName", &user.1)]);
        let id = made["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned();
        [user, ("UserAccessKeyId", id)]
    }

    /// Creates an MFA device. Returns its serial number and its seed.
    fn mfa_device(&self) -> (Filled, String) {
        let fields = [("VirtualMFADeviceName", &*self.name)];
        let made = self.call(Product::Ram, "CreateVirtualMFADevice", &fields);
        let [serial, seed] = ["SerialNumber", "Base32StringSeed"]
            .map(|member| made["VirtualMFADevice"][member].as_str().unwrap().to_owned());
        (("SerialNumber", serial), seed)
    }

    /// Creates a device and a user. Returns them with two codes of the device.
    fn binding(&self) -> Fields {
        let (device, seed) = self.mfa_device();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let [first, second] = [now - 30, now].map(|time| totp::code(&seed, time));
        vec![device, self.user(), ("AuthenticationCode1", first), ("AuthenticationCode2", second)]
    }

    fn group(&self) -> Filled {
        self.named("CreateGroup", "GroupName", &[])
    }

    fn role(&self) -> Filled {
        self.named("CreateRole", "RoleName", &[("AssumeRolePolicyDocument", &self.trust())])
    }

    fn policy(&self) -> Filled {
        self.named("CreatePolicy", "PolicyName", &[("PolicyDocument", POLICY)])
    }

    /// Returns the template of the form for a new role.
    fn trust(&self) -> String {
        let to = "/console/do/ram/CreateRole";
        self.owner.get(to).form(to).get("AssumeRolePolicyDocument").unwrap().to_owned()
    }

    fn attachment(&self, action: &str, holder: Filled) -> Fields {
        let fields = vec![holder, ("PolicyType", "Custom".to_owned()), self.policy()];
        if let Some(from) = action.strip_prefix("DetachPolicyFrom") {
            self.call(Product::Ram, &format!("AttachPolicyTo{from}"), &borrowed(&fields));
        }
        fields
    }
}

/// Adds the confirmation, which repeats the value of the first field.
fn confirmed(mut fields: Fields) -> Fields {
    let typed = fields[0].1.clone();
    fields.push((CONFIRMATION, typed));
    fields
}

pub(super) fn borrowed(fields: &Fields) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (*name, &**value)).collect()
}
