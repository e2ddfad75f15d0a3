import { writeFileSync } from 'node:fs';

/** A vitest reporter that writes errors outside tests to the file `$ERRORS_FILE`, as a JSON array of strings. */
export default class ErrorsReporter {
  onTestRunEnd(_files, errors) {
    writeFileSync(process.env.ERRORS_FILE, JSON.stringify(errors.map(describe)));
  }
}

function describe({ name, message, stack = '', VITEST_TEST_PATH: file }) {
  const where = file === undefined ? '' : `while ${file} ran: `;
  return `${where}${stack.includes(message) ? stack : `${name}: ${message}\n${stack}`}`;
}
