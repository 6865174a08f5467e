//! The system policies: those that the cloud's help pages print for keys and secrets, and those for a whole account.
//!
//! Every account has them, and no caller can change them. They may name actions of products that this service does not have.

use std::sync::LazyLock;

use crate::policy::{Policy, PolicyKind};

/// A system policy.
#[derive(Debug)]
pub struct SystemPolicy {
    /// Its name. [`find`] ignores the case of it.
    pub name: &'static str,
    /// What the policy is for.
    pub description: &'static str,
    /// Its only version, such as `v3`.
    pub version: &'static str,
    /// When the policy was first published, in the time format of replies.
    pub created: &'static str,
    /// When this version was published.
    pub updated: &'static str,
    /// The document.
    pub document: &'static str,
}

impl SystemPolicy {
    /// Returns the document, parsed once per process.
    pub fn policy(&self) -> &'static Policy {
        let at = POLICIES.iter().position(|policy| policy.name == self.name);
        &PARSED[at.expect("only the table has system policies")]
    }
}

/// Returns the system policy of this name, in any case.
pub fn find(name: &str) -> Option<&'static SystemPolicy> {
    POLICIES.iter().find(|policy| policy.name.eq_ignore_ascii_case(name))
}

static PARSED: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    // They name no principals, so the account does not matter.
    let parse = |policy: &SystemPolicy| Policy::parse(PolicyKind::System, "", policy.document);
    POLICIES.iter().map(|policy| parse(policy).expect("a test parses each of them")).collect()
});

/// All system policies.
pub static POLICIES: &[SystemPolicy] = &[
    SystemPolicy {
        name: "AdministratorAccess",
        description: "All rights on all resources of the account.",
        version: "v1",
        created: FIRST,
        updated: FIRST,
        document: r#"{
  "Version": "1",
  "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"}
  ]
}"#,
    },
    SystemPolicy {
        name: "ReadOnlyAccess",
        description: "Reading keys, secrets, users and policies, without the values of secrets and without using keys.",
        version: "v1",
        created: FIRST,
        updated: FIRST,
        document: r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "kms:List*",
        "kms:Describe*",
        "kms:GetPublicKey",
        "kms:GetKeyPolicy",
        "kms:GetKeyDefaultPolicy",
        "kms:GetSecretPolicy",
        "kms:GetSecretDefaultPolicy",
        "ram:Get*",
        "ram:List*"
      ],
      "Resource": "*"
    }
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunRAMFullAccess",
        description: "Managing users, groups, roles, policies and access keys, and so giving any right.",
        version: "v1",
        created: FIRST,
        updated: FIRST,
        document: r#"{
  "Version": "1",
  "Statement": [
    {"Effect": "Allow", "Action": "ram:*", "Resource": "*"}
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunRAMReadOnlyAccess",
        description: "Reading users, groups, roles and policies.",
        version: "v1",
        created: FIRST,
        updated: FIRST,
        document: r#"{
  "Version": "1",
  "Statement": [
    {"Effect": "Allow", "Action": ["ram:Get*", "ram:List*"], "Resource": "*"}
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunActionTrailFullAccess",
        description: "Searching the audit trail.",
        version: "v1",
        created: FIRST,
        updated: FIRST,
        document: r#"{
  "Version": "1",
  "Statement": [
    {"Effect": "Allow", "Action": "actiontrail:*", "Resource": "*"}
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunActionTrailReadOnlyAccess",
        description: "Searching the audit trail.",
        version: "v1",
        created: FIRST,
        updated: FIRST,
        document: r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["actiontrail:Describe*", "actiontrail:Get*", "actiontrail:List*", "actiontrail:Lookup*"],
      "Resource": "*"
    }
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunSTSAssumeRoleAccess",
        description: "Assuming every role that trusts the caller.",
        version: "v1",
        created: FIRST,
        updated: FIRST,
        document: r#"{
  "Version": "1",
  "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunKMSFullAccess",
        description: "Managing and using keys and secrets, and deciding who may.",
        version: "v3",
        created: "2018-03-09T07:41:38Z",
        updated: "2021-03-02T00:00:00Z",
        document: r#"{
  "Version": "1",
  "Statement": [
    {"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
    {
      "Effect": "Allow",
      "Action": "ram:CreateServiceLinkedRole",
      "Resource": "*",
      "Condition": {
        "StringEquals": {
          "ram:ServiceName": ["secretsmanager-rds.kms.aliyuncs.com", "keystore.kms.aliyuncs.com"]
        }
      }
    }
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunKMSReadOnlyAccess",
        description: "Reading keys and secrets, without the values of secrets and without using keys.",
        version: "v3",
        created: "2018-03-09T07:41:41Z",
        updated: "2025-09-23T00:00:00Z",
        document: r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "kms:List*",
        "kms:Describe*",
        "kms:GetPublicKey",
        "kms:GetUploadBackupDataInfo",
        "kms:GetKmsInstanceSharedAccounts",
        "kms:GetKmsInstanceQuotaInfos",
        "kms:GetCheckAssociateResourceTaskResults",
        "kms:GetKeyPolicy",
        "kms:GetKeyDefaultPolicy",
        "kms:GetSecretPolicy",
        "kms:GetSecretDefaultPolicy",
        "kms:GetKmsInstance",
        "kms:GetDefaultKmsInstance"
      ],
      "Resource": "*"
    }
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunKMSCryptoUserAccess",
        description: "Encrypting, decrypting, signing and verifying with every key.",
        version: "v2",
        created: "2020-03-04T14:42:20Z",
        updated: "2026-07-09T00:00:00Z",
        document: r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:AsymmetricDecrypt",
        "kms:AsymmetricEncrypt",
        "kms:AsymmetricSign",
        "kms:AsymmetricVerify",
        "kms:GetPublicKey",
        "kms:GenerateMac",
        "kms:VerifyMac"
      ],
      "Resource": "*"
    }
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunKMSCryptoAdminAccess",
        description: "Managing and using keys and aliases, and deciding who may.",
        version: "v2",
        created: "2020-03-04T14:42:11Z",
        updated: "2023-06-26T00:00:00Z",
        document: r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "kms:*",
      "Resource": ["acs:kms:*:*:key*", "acs:kms:*:*:alias*"]
    },
    {
      "Effect": "Allow",
      "Action": ["ecs:TagResources", "ecs:UntagResources", "ecs:ListTagResources"],
      "Resource": ["acs:kms:*:*:key/*", "acs:kms:*:*:secret/*"]
    }
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunKMSSecretUserAccess",
        description: "Reading the values of secrets that no key of the account encrypts.",
        version: "v1",
        created: "2020-03-04T14:41:59Z",
        updated: "2020-03-04T14:41:59Z",
        document: r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["kms:GetSecretValue", "kms:DescribeSecret", "kms:ListSecretVersionIds"],
      "Resource": "*"
    }
  ]
}"#,
    },
    SystemPolicy {
        name: "AliyunKMSSecretAdminAccess",
        description: "Managing and reading secrets, and deciding who may.",
        version: "v5",
        created: "2020-03-04T14:44:44Z",
        updated: "2023-06-26T00:00:00Z",
        document: r#"{
  "Version": "1",
  "Statement": [
    {"Effect": "Allow", "Action": "kms:*", "Resource": "acs:kms:*:*:secret*"},
    {"Effect": "Allow", "Action": "kms:GetRandomPassword", "Resource": "*"},
    {
      "Effect": "Allow",
      "Action": ["rds:DescribeDBInstances", "rds:DescribeAccounts", "ecs:DescribeInstances"],
      "Resource": "*"
    },
    {
      "Effect": "Allow",
      "Action": ["ecs:TagResources", "ecs:UntagResources", "ecs:ListTagResources"],
      "Resource": ["acs:kms:*:*:key/*", "acs:kms:*:*:secret/*"]
    },
    {
      "Effect": "Allow",
      "Action": "ram:CreateServiceLinkedRole",
      "Resource": "*",
      "Condition": {"StringEquals": {"ram:ServiceName": "secretsmanager-rds.kms.aliyuncs.com"}}
    }
  ]
}"#,
    },
];

/// When policies whose documents are this program's own were first published, as the cloud's policies of these names are older.
const FIRST: &str = "2015-05-01T00:00:00Z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_policy_parses_and_is_found_without_case() {
        for policy in POLICIES {
            assert!(policy.policy().statement_count() > 0);
            let found = find(&policy.name.to_lowercase()).expect(policy.name);
            assert_eq!(found.name, policy.name);
            for time in [policy.created, policy.updated] {
                assert!(time.parse::<jiff::Timestamp>().is_ok() && time.len() == 20, "{time}");
            }
            assert!(policy.created <= policy.updated, "{}", policy.name);
        }
        assert!(find("AliyunOSSFullAccess").is_none());
    }
}
