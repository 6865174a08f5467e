// Makes calls with the official Node.js clients and tells what came of each.
//
// A line of standard input is JSON: {client, method, url, accessKeyId, accessKeySecret, action, parameters, common}.
// A line of standard output is JSON: {reply}, {error: {raised, code, message, status, data}}, or {lacks} with the
// operation or parameter that the client has no place for; then nothing was sent.

'use strict';

const version = '2016-01-20';

class Lacks extends Error {}

const clients = {
  // @alicloud/pop-core: no types; parameters in a form body, or in the query of a GET.
  popCore({ url, accessKeyId, accessKeySecret, method }) {
    const { RPCClient } = require('@alicloud/pop-core');
    const client = new RPCClient({ endpoint: url, apiVersion: version, accessKeyId, accessKeySecret });
    return ({ action, parameters }) => client.request(action, parameters, { method });
  },

  // @alicloud/kms20160120: parameters in the query of a POST, the encryption context as EncryptionContext.name=value.
  kms({ url, accessKeyId, accessKeySecret }) {
    const kms = require('@alicloud/kms20160120');
    const { Config } = require('@alicloud/rpc-client');
    const { RuntimeOptions } = require('@alicloud/tea-util');
    const { host, protocol } = new URL(url);
    const client = new kms.default(new Config({
      endpoint: host, protocol: protocol.slice(0, -1), accessKeyId, accessKeySecret, regionId: 'cn-hangzhou',
    }));
    return async ({ action, parameters, common }) => {
      if (common) {
        return client.doRequest(action, 'HTTPS', 'POST', version, 'AK', parameters, null, new RuntimeOptions({}));
      }
      const request = typedRequest(kms, action, parameters);
      const reply = await client[action[0].toLowerCase() + action.slice(1)](request);
      return reply.toMap();
    };
  },
};

function typedRequest(kms, action, parameters) {
  const Request = kms[`${action}Request`];
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

// Clients are kept, and with them their connections.
function clientFor({ client, method, url, accessKeyId, accessKeySecret }) {
  const access = JSON.stringify([client, method, url, accessKeyId, accessKeySecret]);
  if (!known.has(access)) known.set(access, clients[client]({ method, url, accessKeyId, accessKeySecret }));
  return known.get(access);
}

async function answer(question) {
  try {
    return { reply: await clientFor(question)(question) };
  } catch (error) {
    if (error instanceof Lacks) return { lacks: error.message };
    const { name, code, message, data, entry } = error;
    return { error: { raised: name, code, message, data, status: entry && entry.response.statusCode } };
  }
}

async function main() {
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n');
  }
  // The keep-alive connections of the clients would hold the process.
  process.exit();
}

main();
