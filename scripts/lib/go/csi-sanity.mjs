// csi-sanity, the conformance suite of the Kubernetes CSI project.
import { goProgram } from './go-program.mjs';

const csiSanity = goProgram('csi-sanity', 'github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity', 'v5.6.0');

export const { path: csiSanityPath, obstacle: csiSanityObstacle, install: installCsiSanity } = csiSanity;
