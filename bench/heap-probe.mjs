// Loaded into a driver started with --expose-gc: writes what is on its heap to the file that its parent names.
import { writeHeapSnapshot } from 'node:v8';

process.on('message', (message) => {
  if (typeof message.heapSnapshot !== 'string') return;
  // Twice, because the first collection runs what finalizes objects.
  globalThis.gc();
  globalThis.gc();
  writeHeapSnapshot(message.heapSnapshot);
  process.send({ written: message.heapSnapshot });
});
process.channel?.unref();
