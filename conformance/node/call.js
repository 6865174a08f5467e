// Makes calls with the official Node.js clients and prints the results.
//
// A line of standard input is JSON: {client, product, version, method, url, accessKeyId, accessKeySecret, securityToken,
// action, parameters, common}. If it has `credentials`, the configuration of @alicloud/credentials, the reply is the
// credentials that the library finds; an empty configuration means the library's default chain.
// A line of standard output is JSON: {reply}, {error: {raised, code, message, status, data, detail}}, or {lacks} with an
// operation or parameter that the client does not support; then nothing was sent.

'use strict';

const regionId = 'cn-hangzhou';

class Lacks extends Error {}

const clients = {
  // @alicloud/pop-core: no types; parameters in a form body, or in the query of a GET.
  popCore({ version, url, accessKeyId, accessKeySecret, securityToken, method }) {
    const { RPCClient } = require('@alicloud/pop-core');
    const client = new RPCClient({ endpoint: url, apiVersion: version, accessKeyId, accessKeySecret, securityToken });
    return ({ action, parameters }) => client.request(action, parameters, { method });
  },

  // @alicloud/ram, which is pop-core with a method for each action.
  popCoreRam({ url, accessKeyId, accessKeySecret, securityToken, method }) {
    const Ram = require('@alicloud/ram');
    const client = new Ram({ endpoint: url, accessKeyId, accessKeySecret, securityToken });
    return ({ action, parameters, common }) => {
      if (common) return client.request(action, parameters, { method });
      if (!client[methodOf(action)]) throw new Lacks(action);
      return client[methodOf(action)](parameters, { method });
    };
  },

  // @alicloud/kms20160120: parameters in the query of a POST, the encryption context as EncryptionContext.name=value.
  kms({ version, url, accessKeyId, accessKeySecret, securityToken }) {
    const kms = require('@alicloud/kms20160120');
    const { Config } = require('@alicloud/rpc-client');
    const { RuntimeOptions } = require('@alicloud/tea-util');
    const { host, protocol } = new URL(url);
    const client = new kms.default(new Config({
      endpoint: host, protocol: protocol.slice(0, -1), accessKeyId, accessKeySecret, securityToken, regionId,
    }));
    return async ({ action, parameters, common }) => {
      if (common) {
        return client.doRequest(action, 'HTTPS', 'POST', version, 'AK', parameters, null, new RuntimeOptions({}));
      }
      const request = typedRequest(kms, action, parameters);
      const reply = await client[methodOf(action)](request);
      return reply.toMap();
    };
  },

  // @alicloud/ram20150501, @alicloud/sts20150401: parameters in the query of a POST, signature v3.
  tea({ product, version, url, accessKeyId, accessKeySecret, securityToken }) {
    const models = require(`@alicloud/${product.toLowerCase()}${version.replaceAll('-', '')}`);
    const { $OpenApiUtil } = require('@alicloud/openapi-core');
    const { RuntimeOptions } = require('@darabonba/typescript');
    const { host, protocol } = new URL(url);
    const client = new models.default(new $OpenApiUtil.Config({
      endpoint: host, protocol: protocol.slice(0, -1), accessKeyId, accessKeySecret, securityToken, regionId,
    }));
    return async ({ action, parameters, common }) => {
      if (common) {
        const params = new $OpenApiUtil.Params({
          action, version, protocol: 'HTTPS', pathname: '/', method: 'POST', authType: 'AK', style: 'RPC',
          reqBodyType: 'formData', bodyType: 'json',
        });
        const request = new $OpenApiUtil.OpenApiRequest({ query: parameters });
        return (await client.callApi(params, request, new RuntimeOptions({}))).body;
      }
      if (!client[methodOf(action)]) throw new Lacks(action);
      // Operations without parameters have no request type.
      const requests = models[`${action}Request`] ? [typedRequest(models, action, parameters)] : [];
      return (await client[methodOf(action)](...requests)).body.toMap();
    };
  },
};

function methodOf(action) {
  return action[0].toLowerCase() + action.slice(1);
}

function typedRequest(models, action, parameters) {
  const Request = models[`${action}Request`];
  if (!Request) throw new Lacks(action);
  const fields = {};
  for (const [field, name] of Object.entries(Request.names())) fields[name] = field;
  const map = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (!fields[name]) throw new Lacks(`${action}.${name}`);
    map[fields[name]] = value;
  }
  return new Request(map);
}

const known = new Map();

// Caches clients, and so their connections.
function clientFor({ action, parameters, common, ...access }) {
  const name = JSON.stringify(access);
  if (!known.has(name)) known.set(name, clients[access.client](access));
  return known.get(name);
}

// Returns the credentials that @alicloud/credentials finds for a configuration; with the default chain, if it is empty.
async function found(configuration) {
  const { default: Credential, Config } = require('@alicloud/credentials');
  const config = configuration.type ? new Config(configuration) : null;
  const { accessKeyId, accessKeySecret, securityToken } = await new Credential(config).getCredential();
  return { AccessKeyId: accessKeyId, AccessKeySecret: accessKeySecret, SecurityToken: securityToken };
}

async function answer(question) {
  try {
    if (question.credentials) return { reply: await found(question.credentials) };
    return { reply: await clientFor(question)(question) };
  } catch (error) {
    if (error instanceof Lacks) return { lacks: error.message };
    const { name, code, message, data, entry, statusCode, accessDeniedDetail: detail } = error;
    const status = statusCode || (entry && entry.response.statusCode);
    return { error: { raised: name, code, message, data, status, detail } };
  }
}

async function main() {
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n');
  }
  // The keep-alive connections of the clients would keep the process running.
  process.exit();
}

main();
