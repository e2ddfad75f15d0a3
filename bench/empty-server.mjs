// A grpc-js server that answers Probe with a constant: the least that a gRPC server in Node takes.
//
//   node bench/empty-server.mjs SOCKET
//
// Reports to its parent when it listens, as the driver does.
import grpc from '@grpc/grpc-js';

// The message `ready { value: true }`, encoded.
const reply = Buffer.from([0x0a, 0x02, 0x08, 0x01]);
const unchanged = (bytes) => bytes;
const probe = {
  path: '/csi.v1.Identity/Probe',
  requestStream: false,
  responseStream: false,
  requestSerialize: unchanged,
  requestDeserialize: unchanged,
  responseSerialize: unchanged,
  responseDeserialize: unchanged,
};

const [socket] = process.argv.slice(2);
const endpoint = `unix://${socket}`;
const server = new grpc.Server();
server.addService({ probe }, { probe: (_call, answer) => answer(null, reply) });
server.bindAsync(endpoint, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  process.send?.({ listening: endpoint });
});
