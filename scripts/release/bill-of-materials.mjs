/**
 * The packages that a bill of materials of the image (CycloneDX) lacks, one line each.
 * @param dependencies that of the driver's dependencies, as the image has it
 * @param debianPackages the output of `dpkg-query --show`
 */
export function missingPackages(bill, dependencies, debianPackages) {
  const listed = new Set(bill.components.map(({ name, version }) => `${name} ${version}`));
  const debian = debianPackages.trim().split('\n').map(debianPackage);
  const wanted = [...dependencies.components, ...debian, { name: 'node' }];
  // The version of Node is read from its binary.
  const isListed = ({ name, version }) =>
    version === undefined
      ? bill.components.some((each) => each.name === name)
      : listed.has(`${name} ${version}`);
  return wanted
    .filter((each) => !isListed(each))
    .map(({ name, version }) => [name, version].filter(Boolean).join(' '));
}

// Its name has the architecture, if several can be installed at once.
function debianPackage(line) {
  const [name, version] = line.split('\t');
  return { name: name.split(':')[0], version };
}
