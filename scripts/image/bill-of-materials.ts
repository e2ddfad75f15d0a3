import type { Package } from './packages.ts';

type Component = Omit<Package, 'directory'>;

/**
 * The packages of a bundle in CycloneDX's JSON: the bundle is a single file, in which no program could find them. It has neither
 * a time nor a serial number, so that the same packages give the same file.
 */
export function billOfMaterials(bundle: Component, packages: readonly Component[]): object {
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', ...described(bundle) } },
    components: packages.map((one) => ({ type: 'library', ...described(one) })),
  };
}

function described({ name, version, license }: Component): object {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return { 'bom-ref': purl, name, version, licenses: [{ expression: license }], purl };
}
