// Run as its own process with NODE_EXTRA_CA_CERTS set: argv[2] is the bus's port. Sends, receives and completes
// over TLS, and prints what came back.
'use strict';

const { ServiceBusClient } = require('@azure/service-bus');

(async () => {
  const client = new ServiceBusClient(
    `Endpoint=sb://localhost:${process.argv[2]};SharedAccessKeyName=R;SharedAccessKey=K`,
    { retryOptions: { maxRetries: 0, timeoutInMs: 10_000 } });
  const sizes = [10, 100_000, 200_000];
  const sender = client.createSender('memories');
  for (const size of sizes) await sender.sendMessages({ body: Buffer.alloc(size, 65) });
  const receiver = client.createReceiver('memories', 'worker');
  const got = [];
  while (got.length < sizes.length) {
    const messages = await receiver.receiveMessages(sizes.length, { maxWaitTimeInMs: 10_000 });
    if (messages.length === 0) break;
    for (const message of messages) {
      await receiver.completeMessage(message);
      got.push(message.body.length);
    }
  }
  await client.close();
  console.log(JSON.stringify(got));
})().catch((error) => { console.error(error); process.exit(1); });
