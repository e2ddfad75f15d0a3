import type { ReceiveResult } from '../actions/moving/receive.ts';
import { type KubernetesObject, persistentVolumesIn } from '../status/persistent-volumes.ts';
import type { DriverReport, StatusReport } from '../status/report.ts';
import { snapshotObjects } from '../status/snapshot-objects.ts';
import { callAction } from './call-action.ts';
import type { Command } from './command-line.ts';
import { kubernetesText } from './kubernetes-text.ts';
import type { CliOutput } from './main.ts';
import { readReport } from './read-report.ts';

/** Writes a volume or snapshot to the output. @throws Error with a sentence */
export async function send(
  { socket, values: { ID: id, since = '', format, from } }: Command,
  { writeBytes, writeError, stopped }: CliOutput,
): Promise<void> {
  await callAction(
    socket,
    'send',
    { id, ...given({ since }), format, from: Number(from) },
    { ...progressOn(writeError), onBytes: writeBytes, stopped },
  );
}

/** Makes a volume or snapshot of the input. @returns its Kubernetes objects @throws Error with a sentence */
export async function receive(command: Command, { input, writeError, stopped }: CliOutput): Promise<string> {
  const { socket, stateDir, output, values } = command;
  const { pool = '', name = '', as = '' } = values;
  const client = { ...progressOn(writeError), body: input, stopped };
  const result = await callAction(socket, 'receive', given({ pool, name, as }), client);
  const { kind, id, isOld } = result as ReceiveResult;
  await writeError(
    isOld ? `${kind} ${id} was received before; nothing has changed\n` : `${kind} ${id} is complete\n`,
  );
  return kubernetesText(objectsOf(await readReport(socket, stateDir), { kind, id }, values), output);
}

function progressOn(writeError: CliOutput['writeError']) {
  return { onProgress: (text: string) => writeError(`${text}\n`) };
}

/** The flags that were given. */
function given(flags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== ''));
}

function objectsOf(
  { driver, volumes, snapshots }: StatusReport,
  { kind, id }: Pick<ReceiveResult, 'kind' | 'id'>,
  { 'storage-class': storageClass = '', namespace = '' }: Command['values'],
): KubernetesObject[] {
  const { name: driverName, topology = {}, nodeId } = requireDriver(driver);
  if (kind === 'volume') {
    const received = volumes.filter((volume) => volume.id === id);
    return persistentVolumesIn({ volumes: received }, { driverName, topology, storageClass });
  }
  const received = snapshots.filter((snapshot) => snapshot.id === id);
  return received.flatMap((snapshot) => snapshotObjects(snapshot, { driverName, nodeId, namespace }));
}

function requireDriver(driver: DriverReport | undefined): DriverReport {
  if (!driver) throw new Error('the driver has ended; run csi-hostpath export when it runs again');
  return driver;
}
