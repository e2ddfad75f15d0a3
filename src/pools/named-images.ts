import type { Devices, ImageFormatter } from '../model/ports/devices-port.ts';
import type { Pool } from '../model/ports/pool.ts';
import { withStorageErrors } from '../records/storage-error.ts';

type PoolPath = Pick<Pool, 'name' | 'path'>;

/**
 * Loop devices of files in pools; errors of a pool's disk name the pool.
 * @param pools returns all current pools
 */
export function namedDevices(devices: Devices, pools: () => readonly PoolPath[]): Devices {
  const named = naming(pools);
  return {
    sectorBytes: devices.sectorBytes,
    find: (file, likely) => named(file, () => devices.find(file, likely)),
    // I/O on the device is I/O on the file.
    hold: (file, ...how) => named(file, () => devices.hold(file, ...how)),
    attach: (file, key) => named(file, () => devices.attach(file, key)),
    keepAttached: (file) => named(file, () => devices.keepAttached(file)),
    detach: (file) => named(file, () => devices.detach(file)),
    settled: (file) => named(file, () => devices.settled(file)),
    refreshSize: (file, key) => named(file, () => devices.refreshSize(file, key)),
    changeKey: (file, ...keys) => named(file, () => devices.changeKey(file, ...keys)),
    labelOf: (file) => named(file, () => devices.labelOf(file)),
    setLabel: (file, label) => named(file, () => devices.setLabel(file, label)),
    sizeOf: (device) => devices.sizeOf(device),
    hasAutoclear: (device) => devices.hasAutoclear(device),
    isReadOnly: (device) => devices.isReadOnly(device),
    setReadOnly: (file, readOnly) => named(file, () => devices.setReadOnly(file, readOnly)),
    list: () => devices.list(),
  };
}

/** The same for the file systems in image files. */
export function namedFormatter(formatter: ImageFormatter, pools: () => readonly PoolPath[]): ImageFormatter {
  const named = naming(pools);
  return {
    fileSystems: formatter.fileSystems,
    minimumBytes: formatter.minimumBytes,
    minimumGrownBytes: formatter.minimumGrownBytes,
    encryptionObstacle: () => formatter.encryptionObstacle(),
    inspect: (file) => named(file, () => formatter.inspect(file)),
    format: (file, format) => named(file, () => formatter.format(file, format)),
    faultOf: (path) => named(path, () => formatter.faultOf(path)),
    mountRefusalReason: (path) => named(path, () => formatter.mountRefusalReason(path)),
    prepare: (image, ...how) => named(image, () => formatter.prepare(image, ...how)),
    allocate: (image) => named(image, () => formatter.allocate(image)),
    checkDisk: (image) => named(image, () => formatter.checkDisk(image)),
  };
}

function naming(pools: () => readonly PoolPath[]) {
  return <T>(file: string, work: () => Promise<T>): Promise<T> => {
    const pool = pools().find(({ path }) => file.startsWith(`${path}/`));
    return pool ? withStorageErrors(pool.name, work) : work();
  };
}
