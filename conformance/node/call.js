// Makes one call with an official Node.js client and prints what came of it.
//
// Standard input is JSON: { client, url, accessKeyId, accessKeySecret, action, parameters, method }.
// Standard output is JSON: { reply } or { error: { name, code, message, data } }.

'use strict';

const clients = {
  // @alicloud/pop-core: parameters in a form body, or in the query of a GET.
  async popCore({ url, accessKeyId, accessKeySecret, action, parameters, method }) {
    const { RPCClient } = require('@alicloud/pop-core');
    const client = new RPCClient({ endpoint: url, apiVersion: '2016-01-20', accessKeyId, accessKeySecret });
    return client.request(action, parameters, { method });
  },

  // @alicloud/kms20160120: parameters in the query of a POST, the encryption context as EncryptionContext.name=value.
  async kms({ url, accessKeyId, accessKeySecret, action, parameters }) {
    const kms = require('@alicloud/kms20160120');
    const { Config } = require('@alicloud/rpc-client');
    const endpoint = new URL(url).host;
    const client = new kms.default(new Config({ endpoint, accessKeyId, accessKeySecret, regionId: 'cn-hangzhou' }));
    const request = new kms[`${action}Request`](parameters);
    return client[action[0].toLowerCase() + action.slice(1)](request);
  },
};

async function main() {
  const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  let outcome;
  try {
    outcome = { reply: await clients[input.client](input) };
  } catch (error) {
    const { name, code, message, data } = error;
    outcome = { error: { name, code, message, data } };
  }
  process.stdout.write(JSON.stringify(outcome));
  // The keep-alive connections of the clients would hold the process.
  process.exitCode = 0;
  setImmediate(() => process.exit());
}

main();
