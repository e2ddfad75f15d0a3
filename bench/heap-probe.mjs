// Loaded into a driver started with --expose-gc: says how much memory its objects take, when its parent asks.
process.on('message', (message) => {
  if (message !== 'heap') return;
  // Twice, because the first collection runs what finalizes objects.
  globalThis.gc();
  globalThis.gc();
  process.send({ heapBytes: process.memoryUsage().heapUsed });
});
process.channel?.unref();
