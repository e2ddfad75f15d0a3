/**
 * The differences between the chart in the repository and the one of a release, which is installed from a registry and has an
 * image there: a function for each file.
 */
export function publishedChart({ version, registry, source }) {
  const image = `${registry}/csi-driver-hostpath:${version}`;
  return {
    'values.yaml': (text) =>
      replaced(text, [
        [
          "# No registry has the driver's image. Build it, and set the registry that you have pushed it to.\n",
          '',
        ],
        [
          '  registry: ""\n  repository: csi-driver-hostpath\n',
          `  registry: ${registry}\n  repository: csi-driver-hostpath\n`,
        ],
      ]),
    'Chart.yaml': (text) =>
      replaced(text, [
        ['\nannotations:\n', `\nhome: ${source}\nsources:\n  - ${source}\nannotations:\n`],
        [`image: csi-driver-hostpath:${version}\n`, `image: ${image}\n`],
      ]),
    'README.md': (text) =>
      replaced(text, [
        [
          'helm install csi-hostpath deploy/helm/csi-hostpath --namespace csi-hostpath --set image.registry=registry.example.org',
          `helm install csi-hostpath oci://${registry}/charts/csi-hostpath --version ${version} --namespace csi-hostpath`,
        ],
        [
          `No registry has the driver's image: build it from the \`Dockerfile\`, and push it to your registry as \`registry.example.org/csi-driver-hostpath:${version}\`.\n`,
          `The driver's image is \`${image}\`.\n`,
        ],
        ['| `image.registry` | `""` |', `| \`image.registry\` | \`"${registry}"\` |`],
      ]).replaceAll('](../../../', `](${source}/blob/v${version}/`),
  };
}

/** @throws Error if the text does not have one of the old texts exactly once */
function replaced(text, replacements) {
  return replacements.reduce((current, [old, replacement]) => {
    if (current.split(old).length !== 2) throw new Error(`the chart must have this text once: ${old.trim()}`);
    return current.replace(old, () => replacement);
  }, text);
}
