// csi-provisioner, the sidecar that calls the driver most, in the version of the manifests.
import { buildGoTool, goToolPath } from '../../tools/go-tool.mjs';

const module = 'test/cluster/src/sidecars';
const program = 'csi-provisioner';

export const csiProvisionerPath = goToolPath(module, program);

export const installCsiProvisioner = () => buildGoTool(module, { program });
