import { expect, test } from 'vitest';
import { markSourceError } from '../../../src/kernel/files/copy-source.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import type { Volume } from '../../../src/model/objects/volume.ts';
import { namedBackends, namedFreezeMarks } from '../../../src/pools/named-backends.ts';
import { namedDevices, namedFormatter } from '../../../src/pools/named-images.ts';
import { makeContent } from '../../contracts/make-content.ts';
import { systemError } from '../model/fakes/system-error.ts';

/** A port where every call fails with this error. */
function failing<Port>(error: unknown): Port {
  return new Proxy({}, { get: () => () => Promise.reject(error) }) as Port;
}

const volume = {} as Volume;
const original = { pool: 'source', backend: 'directory', path: '/source' } as const;
const control = { signal: new AbortController().signal, onBytes: () => {}, onWait: () => {} };

function backendFailing(error: unknown) {
  const backends = { directory: failing(error), quota: failing(error), subvolume: failing(error) };
  const image = Object.create(failing(error), { emptyContent: { value: () => () => Promise.reject(error) } });
  return namedBackends({ ...backends, image } as never, 'fast').image;
}

/** Every call of a pool's ports, or of ports that work on its files. */
function callsFailing(error: unknown): Record<string, () => Promise<unknown>> {
  const backend = backendFailing(error);
  const marks = namedFreezeMarks(failing(error), 'fast');
  const pools = () => [{ name: 'fast', path: '/pools/fast' }];
  const devices = namedDevices(failing(error), pools);
  const formatter = namedFormatter(failing(error), pools);
  const file = '/pools/fast/volumes/v/image';
  return {
    emptyContent: () => makeContent('/v', backend.emptyContent(volume)),
    provisionCopy: () => backend.provisionCopy('/v', volume, original, control),
    snapshot: () => backend.snapshot('/v', original, control),
    destroy: () => backend.destroy('/v', volume),
    applyLimits: () => backend.applyLimits('/v', volume),
    usage: () => backend.usage('/v', volume),
    occupiedBytes: () => backend.occupiedBytes('/v', volume),
    lossOf: () => backend.lossOf('/v', volume),
    copyBytes: () => backend.copyBytes('/v', control.signal),
    'marks.add': () => marks.add(['v']),
    'marks.remove': () => marks.remove(['v']),
    'marks.has': () => marks.has('v'),
    'devices.find': () => devices.find(file),
    'devices.hold': () => devices.hold(file, async () => {}),
    'devices.attach': () => devices.attach(file),
    'devices.detach': () => devices.detach(file),
    'devices.refreshSize': () => devices.refreshSize(file),
    'formatter.inspect': () => formatter.inspect(file),
    'formatter.format': () =>
      formatter.format(file, { fsType: 'ext4', root: { uid: 0, gid: 0, mode: 0o755 } }),
  };
}

test.each(Object.keys(callsFailing(undefined)))('a disk error in %s names the pool', async (name) => {
  const message = expect.stringMatching(/^pool "fast" is read-only.*\(EROFS\)$/);
  await expect(callsFailing(systemError('EROFS'))[name]?.()).rejects.toMatchObject({
    kind: 'unavailable',
    message,
  });
});

test.each(Object.keys(callsFailing(undefined)))('any other error of %s is passed on', async (name) => {
  for (const error of [new VolumeError('precondition', 'not now'), systemError('EACCES')]) {
    await expect(callsFailing(error)[name]?.()).rejects.toBe(error);
  }
});

test('a copy whose original cannot be read names the pool of the original', async () => {
  const error = markSourceError(systemError('EIO'));
  const backend = backendFailing(error);
  const message = expect.stringMatching(/^pool "source" reports I\/O errors/);
  await expect(backend.provisionCopy('/v', volume, original, control)).rejects.toMatchObject({ message });
  await expect(backend.snapshot('/v', original, control)).rejects.toMatchObject({ message });
});

test('a file outside every pool names none', async () => {
  const error = systemError('EIO');
  const devices = namedDevices(failing(error), () => [{ name: 'fast', path: '/pools/fast' }]);
  await expect(devices.find('/pools/faster/image')).rejects.toBe(error);
});
