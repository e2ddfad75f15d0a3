// check-bill.mjs BILL DEPENDENCIES DEBIAN_PACKAGES: checks that a bill of materials lists what is in the image: the npm packages
// in the file DEPENDENCIES of the image, the output of dpkg-query in the file DEBIAN_PACKAGES, and Node.
import { readFileSync } from 'node:fs';
import { missingPackages } from './bill-of-materials.mjs';

const [bill, dependencies, debianPackages] = process.argv.slice(2).map((path) => readFileSync(path, 'utf8'));
const missing = missingPackages(JSON.parse(bill), JSON.parse(dependencies), debianPackages);
for (const name of missing) process.stderr.write(`the bill of materials lacks ${name}\n`);
if (missing.length > 0) process.exitCode = 1;
else process.stdout.write(`${JSON.parse(bill).components.length} components\n`);
